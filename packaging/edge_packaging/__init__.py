"""Binaries for boxes, what is in them, and operating-system images that start them."""
