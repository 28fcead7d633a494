"""Detectors: the model file, its head, and how boxes are read out of it."""
