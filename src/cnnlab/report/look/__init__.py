"""The pages of what a net does with images."""
