"""The explorer: a trained net becomes one page that computes it, and opens any unit into its arithmetic."""

from cnnlab.explorer.page import ExploredRun, ExplorerPage, explorer_page

__all__ = ["ExploredRun", "ExplorerPage", "explorer_page"]
