"""The page of what is doubtful in a data set."""
