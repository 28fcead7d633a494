"""A node's life in its mesh: who is denied, leases, renewal, new roots, and what issuers do."""
