"""How code and values travel: bundles of source and wheels, and values as bytes."""
