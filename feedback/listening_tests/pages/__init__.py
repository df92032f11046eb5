"""Pages of listening tests."""
