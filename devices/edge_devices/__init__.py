"""Find the hardware of a box, describe it, and open it."""
