"""Global variables: a name and a value, replicated on every node of a tenant; the newest holds."""
