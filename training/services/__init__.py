"""What people do with experiments and runs. Pages, API, admin and commands call these; the actor is always named."""
