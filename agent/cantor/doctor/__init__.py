"""Finds out why a box does not do what it should: what is seen, judged and packed for others."""
