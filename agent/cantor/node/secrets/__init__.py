"""Secrets on a node: kept sealed, given to the nodes that need them, handed to what names them."""
