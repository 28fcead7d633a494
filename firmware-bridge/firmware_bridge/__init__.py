"""Constrained devices become devices of the mesh: descriptors, sessions, and the MQTT driver."""
