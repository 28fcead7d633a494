"""Pipelines placed on the nodes of a mesh and kept there, without a centre."""
