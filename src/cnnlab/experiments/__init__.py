"""Variants of a training compared on matched seeds."""
