"""Phonemes: what words are made of, and what is listened for where a word is typed."""
