"""Pushed services on a node: their orders, their code, their processes, their logs."""
