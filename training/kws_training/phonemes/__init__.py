"""The phoneme network: which sounds of English follow each other in a stream."""
