"""The API of listening tests."""
