"""What programs keep on the nodes of a mesh: keys and values, and what else nodes share."""
