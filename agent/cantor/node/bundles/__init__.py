"""Bundles on a node: kept in its folder, given to other nodes, fetched from them."""
