"""Functions that run in worker processes: what ``import cantor`` offers for them."""
