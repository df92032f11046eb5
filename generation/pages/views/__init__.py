"""Pages of generation, one module a subject."""
