"""The metrics of a node: of its machine and of the code on it, read from any node of its tenant."""
