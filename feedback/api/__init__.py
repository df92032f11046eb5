"""The API of feedback: judgements of all kinds, their figures, and the vocabulary."""
