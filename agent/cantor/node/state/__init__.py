"""What nodes keep for the programs of their mesh: keys and values, queues, objects."""
