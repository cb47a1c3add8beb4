"""A training session, from its options to its result."""
