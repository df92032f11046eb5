"""The words of a prompt: what may be said, how it is put, what is read of it, and when two say the same."""
