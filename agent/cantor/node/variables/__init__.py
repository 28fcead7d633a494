"""The global variables of a node's tenant, on this node."""
