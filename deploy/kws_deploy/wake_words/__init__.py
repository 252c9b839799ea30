"""Students of wake words on the front end of microWakeWord, taught by what both hear."""
