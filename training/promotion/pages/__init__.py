"""Pages of promotion."""
