"""What training wake words takes where nothing is said; TensorFlow is not loaded to know it."""

#: Times that text to speech says each phrase, and as often other things.
SYNTHESIZED = 300
#: Training steps of each network.
STEPS = 1000
#: Networks that are trained, from whose mean the model learns.
ENSEMBLE = 2
#: Share of the speakers that are kept out of training, for the figures in the end.
HOLD_OUT = 0.1
#: Rate that the thresholds are chosen for.
FALSE_ACCEPTS_PER_HOUR = 0.5
