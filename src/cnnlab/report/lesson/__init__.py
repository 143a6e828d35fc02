"""The lesson's pages; `web/` is what runs in them."""
