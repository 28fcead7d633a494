"""The composition root: one agent made of the cores, the transport and this machine."""
