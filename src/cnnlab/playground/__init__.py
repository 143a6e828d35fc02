"""The playground: one page that trains nets in the browser, and what it saves as a run."""

from cnnlab.playground.page import PlaygroundPage, playground_page, train_on_page

__all__ = ["PlaygroundPage", "playground_page", "train_on_page"]
