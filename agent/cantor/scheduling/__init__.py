"""What work needs, and which node can give it: decisions only, no input or output."""
