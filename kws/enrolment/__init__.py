"""A wake word from a few recordings of one person, on the device."""
