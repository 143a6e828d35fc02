"""A trained net → a file that other programs read, checked against the net before it takes its name."""
