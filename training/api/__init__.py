"""The API of training."""
