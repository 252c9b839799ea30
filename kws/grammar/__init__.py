"""Grammars of spoken commands: read, compiled to a graph of phonemes, and parsed back."""
