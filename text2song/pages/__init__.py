"""Pages of the studio as a whole, and what all pages share."""
