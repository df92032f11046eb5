"""The API of rounds."""
