"""Recordings: found, downloaded, read, split by speaker; words as images."""
