"""Base models: which there are, what is in their folders, and how their files get here."""
