"""The prompt coach."""
