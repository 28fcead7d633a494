"""Sockets: authenticated links between nodes, and the discovery of peers on the local network."""
