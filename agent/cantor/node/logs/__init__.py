"""The logs of a node: kept on its own disk, bounded, and read from any node of its tenant."""
