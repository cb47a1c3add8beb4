"""An example of a package that extends digitgan. Its entry points are in pyproject.toml; each module has one kind of entry."""
