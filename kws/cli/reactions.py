"""The arguments that say what is done with a detection, and the doing of it."""

from __future__ import annotations

import argparse
import contextlib
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from types import FrameType
from typing import NoReturn, Protocol

from ..detections import Detection
from ..errors import KwsError
from ..packaged import COMMANDS
from ..reactions.home_assistant import PREFIX
from .detections import print_detection

#: Time after which a command of --on-detect is stopped, in seconds, unless said otherwise.
COMMAND_SECONDS = 30.0


class Reaction(Protocol):
    """Something that is done with each detection, beside the audio."""

    def react(self, detection: Detection, file: str, *, wait: bool) -> None:
        """Take a detection in a recording; ``wait`` says whether the audio may wait."""

    def finish(self) -> None:
        """Wait until all is done."""

    def stop(self) -> None:
        """End at once."""


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 < value <= 86400:
        raise argparse.ArgumentTypeError("must be above 0 and at most 86400")
    return value


def add_reactions(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that say what is done with a detection.

    Parameters
    ----------
    parser : argparse.ArgumentParser
        Of the verb.
    """
    group = parser.add_argument_group("for each detection")
    group.add_argument(
        "--on-detect",
        metavar="CMD",
        help="run a command, without a shell; KWS_KEYWORD, KWS_SCORE, KWS_START, KWS_END, "
        "KWS_FILE and KWS_MODEL are in its environment, and what it prints goes to stderr",
    )
    group.add_argument(
        "--on-detect-seconds",
        type=_seconds,
        default=COMMAND_SECONDS,
        metavar="S",
        help="stop the command after so many seconds",
    )
    group.add_argument(
        "--mqtt",
        metavar="HOST[:PORT]/TOPIC",
        help="send a JSON message to a broker; mqtts:// in front for TLS; the user is taken from "
        "KWS_MQTT_USERNAME and KWS_MQTT_PASSWORD of the environment",
    )
    group.add_argument(
        "--mqtt-discovery",
        nargs="?",
        const=PREFIX,
        metavar="PREFIX",
        help=f"announce the keywords to Home Assistant; {PREFIX} is the prefix if left out",
    )


@contextlib.contextmanager
def reactions(
    options: argparse.Namespace, keywords: Sequence[str], *, live: bool
) -> Iterator[Callable[..., None]]:
    """Open what the arguments ask for; at the end of the audio it is finished, else stopped.

    Parameters
    ----------
    options : argparse.Namespace
        The parsed arguments, with ``json`` and ``model``.
    keywords : sequence of str
        What can be detected.
    live : bool
        Whether the audio comes as it is heard and must never wait.

    Yields
    ------
    callable
        Takes a detection, the recording as it was named, and ``named``: whether the line for
        people begins with it. Prints the detection and hands it on.

    Raises
    ------
    KwsError
        If what the arguments ask for cannot be done.
    """
    opened: list[Reaction] = []

    def report(detection: Detection, file: str, *, named: bool) -> None:
        print_detection(detection, file, as_json=options.json, named=named)
        for one in opened:
            one.react(detection, file, wait=not live)

    try:
        model = ", ".join(map(str, options.model or [COMMANDS]))
        if options.on_detect is not None:
            from ..reactions.command import DetectionCommand

            opened.append(DetectionCommand(options.on_detect, model, options.on_detect_seconds))
        if options.mqtt is not None:
            from ..reactions.mqtt import Broker, MqttMessages

            broker = Broker.parse(options.mqtt)
            opened.append(MqttMessages(broker, model, keywords, options.mqtt_discovery))
        elif options.mqtt_discovery is not None:
            raise KwsError("--mqtt-discovery goes with --mqtt: name the broker")
        with ends_with_sigterm() if opened else contextlib.nullcontext():
            yield report
            for one in opened:
                one.finish()
    finally:
        for one in opened:
            one.stop()


@contextlib.contextmanager
def ends_with_sigterm() -> Iterator[None]:
    """Let SIGTERM end the program as an exception does, so that children are stopped."""

    def leave(number: int, _: FrameType | None) -> NoReturn:
        sys.exit(128 + number)

    if threading.current_thread() is not threading.main_thread():  # which alone may say it
        yield
        return
    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
