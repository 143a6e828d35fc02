"""The lesson, run: what it trains, and one file for each chapter that says what its page shows, all of it computed.

A chapter's `section` takes the evidence, which is what this lesson trained and measured, and returns a plain record:
numbers, figures, questions, links. `report/` writes the page.
"""
