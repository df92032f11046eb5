"""The API of generation: models, jobs, audio, favourites."""
