"""What every other room of Cantor stands on: errors, identifiers, clocks, units, resources."""
