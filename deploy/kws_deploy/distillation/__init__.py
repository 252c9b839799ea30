"""Distillation: a student learns from labels and teachers together."""
