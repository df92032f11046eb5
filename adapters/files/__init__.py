"""An adapter's files: taken out of what a person gives, looked into without torch, and kept."""
