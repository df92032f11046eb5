"""What is in a dataset and how good it is, and who is told."""
