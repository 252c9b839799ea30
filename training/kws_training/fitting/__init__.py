"""Training: features by content, loops, the word base, commands."""
