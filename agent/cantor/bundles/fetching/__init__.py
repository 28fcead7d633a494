"""How a node gets large blobs from whoever has them: rules only, no I/O."""
