"""Who holds which units of a quantity: granted by the node that owns them, and by nobody else."""
