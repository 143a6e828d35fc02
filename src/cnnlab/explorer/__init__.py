"""The explorer: a trained net becomes one page that computes it, and opens any unit into its arithmetic."""

from cnnlab.explorer.page import ExplorerPage, explorer_page

__all__ = ["ExplorerPage", "explorer_page"]
