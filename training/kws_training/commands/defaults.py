"""What training on commands takes where nothing is said; TensorFlow is not loaded to know it."""

#: YAMNet's layer under the head.
TAP = 6
#: Windows made from each clip: one as recorded, the others augmented.
COPIES = 6
#: Passes over the training windows, at most.
EPOCHS = 5
