"""How projects share what nodes have: shares, limits, priorities; each owner decides alone."""
