"""Building a dataset: which answers are let through, how texts are split, and how rows are written."""
