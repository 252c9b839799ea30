"""The errors that a user can do something about: one line, with the file or value in it."""

from __future__ import annotations


class KwsError(Exception):
    """Base of all errors raised on purpose; the command line prints it and exits with status 2."""


class AudioError(KwsError):
    """A recording, stream or microphone that cannot be used."""


class ModelError(KwsError):
    """A model file that cannot be used."""
