"""Pages of prompts, templates and suites, and the fragments of the prompt editor."""
