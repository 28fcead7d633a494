"""The command line: ``cantor VERB``."""
