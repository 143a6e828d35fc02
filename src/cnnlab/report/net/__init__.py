"""A net's own pictures: its page, its diagram, its DOT."""
