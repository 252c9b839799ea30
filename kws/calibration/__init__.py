"""From scores over time to thresholds, and how far they may be from the truth."""
