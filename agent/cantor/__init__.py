"""Cantor: the decentralised mesh that makes a fleet of edge boxes one computer."""

__version__ = "0.1.0"
