"""A wake word plugin for Open Voice OS: ``KwsHotWordPlugin``, which its plugin manager finds.

The class is made when it is asked for, since it extends one of ovos-plugin-manager, which only
users of Open Voice OS have.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import KwsError
from ..installing import install_packages
from ..packaged import find_model
from ..spotter import KeywordSpotter

#: Samples per second of the chunks that Open Voice OS gives.
RATE = 16000


class WakeWord:
    """A keyword of a model, in a stream of chunks of bytes.

    Parameters
    ----------
    key_phrase : str
        The name that the wake word has in the assistant's configuration.
    config : dict
        What the configuration says of it. ``model``: a model file, a name of the package's, or
        ``org/name`` on the Hub. ``keyword``: which of the model's, needed where it has several and
        none is called as the wake word. ``threshold``: in place of the model's own.

    Raises
    ------
    KwsError
        If no model is named, it cannot be used, or it is not clear which keyword is meant.
    """

    def __init__(self, key_phrase: str, config: dict[str, Any]) -> None:
        wanted = f"wake word {key_phrase!r:.60}: "
        if not isinstance(config.get("model"), str):
            raise KwsError(f"{wanted}no model: set 'model' to a model file")
        model = find_model(Path(config["model"]).expanduser())
        keyword = _find_keyword(wanted, key_phrase, config.get("keyword"), model.metadata.keywords)
        threshold = config.get("threshold")
        if threshold is not None and type(threshold) not in (int, float):
            raise KwsError(f"{wanted}threshold {threshold!r:.40}: must be a number from 0 to 1")
        # all keywords are spotted, so that this one is found where `kws spot` finds it
        thresholds = None if threshold is None else {keyword: threshold}
        self._spotter = KeywordSpotter(model, sample_rate=RATE, thresholds=thresholds)
        self._keyword = keyword
        self._odd = b""  # half a sample
        self._found = False

    def update(self, chunk: bytes) -> None:
        """Take audio.

        Parameters
        ----------
        chunk : bytes
            16-bit little-endian samples at 16 kHz, mono; any length.
        """
        data = self._odd + bytes(chunk)
        whole = len(data) // 2
        self._odd = data[2 * whole :]
        detections = self._spotter.process(np.frombuffer(data, "<i2", whole).astype(np.int16))
        self._found = self._found or any(one.keyword == self._keyword for one in detections)

    def found_wake_word(self, _: bytes | None = None) -> bool:
        """Return whether the wake word was said since this was asked last.

        Parameters
        ----------
        _ : bytes, optional
            What old listeners give; not used.

        Returns
        -------
        bool
        """
        found, self._found = self._found, False
        return found

    def reset(self) -> None:
        """Forget all audio."""
        self._spotter.reset()
        self._odd, self._found = b"", False

    def stop(self) -> None:
        """Do what the assistant asks for at its end: forget all audio."""
        self.reset()

    def shutdown(self) -> None:
        """Do what the assistant asks for at its end, under another name."""
        self.stop()


def _find_keyword(wanted: str, key_phrase: str, keyword: Any, known: tuple[str, ...]) -> str:
    """Return the keyword that a configuration means."""
    if keyword is not None:
        found = [one for one in known if one == keyword]
    else:
        name = key_phrase.replace("_", " ").casefold()
        found = [one for one in known if one.replace("_", " ").casefold() == name] or list(known)
    if len(found) != 1:
        which = f"keyword {keyword!r:.60}: " if keyword is not None else ""
        raise KwsError(f"{wanted}{which}set 'keyword' to one of the model's: {', '.join(known)}")
    return found[0]


@cache
def _plugin() -> type:
    """Make the class that the plugin manager loads."""
    try:
        from ovos_plugin_manager.templates.hotwords import HotWordEngine
    except ImportError:
        raise KwsError(
            f"the plugin needs Open Voice OS: {install_packages('ovos-plugin-manager')}"
        ) from None

    class KwsHotWordPlugin(WakeWord, HotWordEngine):  # type: ignore[misc]
        """A wake word of Open Voice OS that a model of kws detects.

        Parameters
        ----------
        key_phrase : str
            Its name in the configuration.
        config : dict, optional
            What the configuration says of it; looked up if left out.
        """

        def __init__(self, key_phrase: str, config: dict[str, Any] | None = None) -> None:
            HotWordEngine.__init__(self, key_phrase, config)
            WakeWord.__init__(self, key_phrase, self.config)

    return KwsHotWordPlugin


def __getattr__(name: str) -> type:
    if name == "KwsHotWordPlugin":
        return _plugin()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
