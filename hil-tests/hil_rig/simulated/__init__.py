"""A board that needs no hardware: its firmware, its settings in flash, and its pseudo-terminal."""
