"""Models: their file, where one is found by its name, and images computed in batches."""
