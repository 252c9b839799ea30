"""The verbs of the deploy side."""
