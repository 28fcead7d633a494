"""What is kept on this machine's disk: what was acknowledged survives the end of every process."""
