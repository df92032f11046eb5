"""The API of prompts, templates and suites."""
