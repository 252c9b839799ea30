"""Wake words: phrases from a few recordings, against hours of everything else."""
