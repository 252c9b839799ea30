"""Measures what a model costs on this machine, in processes of its own, and reports it."""
