"""The pages of claims and their index."""
