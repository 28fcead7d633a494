"""What every other room of Cantor stands on: errors, identifiers, time, configuration, resources."""
