"""The data sets with a name: where they are published, their download, and reading them."""
