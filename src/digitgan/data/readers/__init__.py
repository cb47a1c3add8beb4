"""The readers of files and folders of the user's own: one file each, and one table of them."""
