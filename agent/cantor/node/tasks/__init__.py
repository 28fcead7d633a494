"""Tasks of a running node: for the scripts of its user, and for other nodes of the mesh."""
