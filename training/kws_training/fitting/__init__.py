"""What all trainings share: the loop, averaged weights, features kept by content."""
