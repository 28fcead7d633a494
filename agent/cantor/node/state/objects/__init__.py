"""Objects on a node: those that it owns, copies of others', and how their bytes travel."""
