"""Boards: what a step costs there, by measurement or as a labelled estimate."""
