"""A comparison's page."""
