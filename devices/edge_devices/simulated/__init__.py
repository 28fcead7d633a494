"""Devices that are computed instead of built: for demos, tests and training."""
