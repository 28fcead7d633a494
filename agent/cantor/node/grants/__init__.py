"""Grants on a running node: the journal on the disk, the questions of others, and what it holds."""
