"""A job from what it asks for to what it made: presets, length, what is read of the prompt, and the worker."""
