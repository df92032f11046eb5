"""From what people said to a taste: votes gathered, clips heard, a taste fitted, tried and listed."""
