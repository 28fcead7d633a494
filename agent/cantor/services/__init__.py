"""Services that people push: their manifest, their revisions, and how one node keeps them up.

Nothing here does I/O; ``cantor.node.push`` does. (What the agent itself is put together from is
called so too in code: see ``cantor.node.services``.)
"""
