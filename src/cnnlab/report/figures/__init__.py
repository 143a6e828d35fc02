"""Figures that claims and the lesson hand on as plain data, drawn."""
