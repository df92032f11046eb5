"""A run at work: its rows, its log, its checkpoints, and what becomes of what it made."""
