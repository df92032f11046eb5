"""Jobs that are never lost: taking up what dead workers left, and sending lost wake-ups again."""
