"""What the mesh knows: facts, each written by its owner alone, equal on every node."""
