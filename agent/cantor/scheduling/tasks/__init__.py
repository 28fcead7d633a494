"""Tasks on other nodes, as rules without I/O: which node runs one, and whose result counts."""
