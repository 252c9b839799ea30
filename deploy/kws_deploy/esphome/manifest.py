"""microWakeWord's manifest, version 2: what a runtime has to know beside the network."""

from __future__ import annotations

import json
from dataclasses import dataclass

#: Milliseconds from one frame to the next.
STEP_MS = 10
#: The first ESPHome whose micro_wake_word loads such networks.
MINIMUM_ESPHOME = "2024.7.0"


@dataclass(frozen=True)
class Manifest:
    """The manifest of one wake word.

    Attributes
    ----------
    wake_word : str
        The phrase as it is written.
    author : str
        Who made the model.
    languages : tuple of str
        Codes of the languages that it was trained for.
    model : str
        Name of the network's file, beside the manifest.
    cutoff : float
        Mean score above which the wake word is detected, 0 .. 1.
    window : int
        Number of scores whose mean it is.
    arena : int
        Bytes of memory in which the network runs.
    """

    wake_word: str
    author: str
    languages: tuple[str, ...]
    model: str
    cutoff: float
    window: int
    arena: int

    def text(self) -> str:
        """Return the JSON that ESPHome reads, with no other keys than it knows."""
        values = {
            "type": "micro",
            "wake_word": self.wake_word,
            "author": self.author,
            "model": self.model,
            "trained_languages": list(self.languages),
            "version": 2,
            "micro": {
                "probability_cutoff": self.cutoff,
                "feature_step_size": STEP_MS,
                "sliding_window_size": self.window,
                "tensor_arena_size": self.arena,
                "minimum_esphome_version": MINIMUM_ESPHOME,
            },
        }
        return json.dumps(values, indent=2, ensure_ascii=False) + "\n"
