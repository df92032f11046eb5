"""Rounds: one way through the loop for one person, from prompts and votes to an adapter that is judged blind."""
