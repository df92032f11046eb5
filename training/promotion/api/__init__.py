"""The API of promotion."""
