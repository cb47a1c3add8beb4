"""The studio: a web page to generate images, watch runs and start trainings, and its HTTP API."""
