"""Replicas: a log of commands that several nodes keep, so that the loss of one loses nothing."""
