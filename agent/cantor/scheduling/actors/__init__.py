"""Actors on the nodes of a mesh: where each lives, in which life, and whose answers count."""
