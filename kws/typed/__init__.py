"""Phrases that are typed: model files of them, and how they are found in a stream."""
