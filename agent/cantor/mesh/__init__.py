"""The mesh as a state machine: links, who lives, routes, and the flood of facts."""
