"""What was said about samples: found, counted and compared."""
