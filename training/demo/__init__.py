"""The loop proof: the whole studio at work without a browser, judged by a declared synthetic rater."""
