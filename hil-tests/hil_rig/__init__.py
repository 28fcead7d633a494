"""Rigs for hardware-in-the-loop tests: a pytest plugin, board backends, faults and a report."""
