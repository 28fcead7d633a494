"""Recipes that make the models which ship with the product: ``python -m edge_hub.training``."""
