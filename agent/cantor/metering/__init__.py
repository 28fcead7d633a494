"""Numbers that change in time: how processes keep them, and how nodes tell each other of them."""
