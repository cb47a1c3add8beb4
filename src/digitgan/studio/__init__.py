"""The studio: a page to watch GANs learn and to play with them, and the HTTP API behind it."""
