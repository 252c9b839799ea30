"""What is done with a detection besides printing it: commands that run, messages that are sent."""
