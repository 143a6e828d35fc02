"""What of a data set is doubtful: images that are there more than once, labels that are probably wrong."""
