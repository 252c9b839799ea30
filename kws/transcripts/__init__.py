"""Transcripts of closed domains: words by a dictionary and a small n-gram model."""
