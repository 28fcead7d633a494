"""Projects on a running node: what they may have of the pool, and what they use of it."""
