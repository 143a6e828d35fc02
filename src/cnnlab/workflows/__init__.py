"""From what is wanted to what is shown: an experiment trained, decided and written as pages, in one call."""
