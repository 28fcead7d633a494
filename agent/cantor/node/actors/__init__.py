"""Actors of a running node: those that it keeps, those that live on it, and calls of any."""
