"""Sound as numbers and as files: measured, levelled, encoded, drawn."""
