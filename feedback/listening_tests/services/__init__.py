"""What curators and raters do with listening tests; the actor is always named."""
