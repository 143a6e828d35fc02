"""The explorer: a trained net becomes one page that computes it, and opens any unit into its arithmetic."""

from cnnlab.explorer.page import ExplorerPage, Shown, explorer_page

__all__ = ["ExplorerPage", "Shown", "explorer_page"]
