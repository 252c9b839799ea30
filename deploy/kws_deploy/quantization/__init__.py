"""Quantization of float networks: variants, where they lose, and how to mend it."""
