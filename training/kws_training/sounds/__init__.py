"""Environmental sounds: training and thresholds."""
