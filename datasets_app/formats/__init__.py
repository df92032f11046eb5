"""Datasets as files: rows, what is read of them, and what is written."""
