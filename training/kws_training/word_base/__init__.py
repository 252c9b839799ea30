"""The word base: a network that has learned words from thousands of voices."""
