"""Replica groups of this node: what several nodes keep together."""
