"""The command `kws`: finds the verb, runs it, and says in one line what went wrong."""

from __future__ import annotations

import argparse
import io
import os
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any, cast

from ..console import note
from ..errors import KwsError
from ..installing import install_extra
from .verb import BAD_INPUT, INTERRUPTED, UNEXPECTED, Verb

#: Entry points of this group are further verbs; the device side knows none by name.
GROUP = "kws.verbs"
#: Where each verb of the device is: its module beside this one, and its name in that. A verb is
#: loaded when it is asked for, and all of them only for the list of verbs.
DEVICE_VERBS = {
    "spot": "spot:SPOT",
    "classify": "classify:CLASSIFY",
    "listen": "listen:LISTEN",
    "record": "record:RECORD",
    "enroll": "enroll:ENROLL",
    "calibrate": "calibrate:CALIBRATE",
    "inspect": "inspect:INSPECT",
    "bench": "bench:BENCH",
}
#: Those that the extra "deploy" brings the packages of; the others need "train".
DEPLOY_VERBS = ("distill", "prune", "quantize", "pack", "check", "export")


class _Parser(argparse.ArgumentParser):
    """Says in one line what is wrong with the arguments."""

    def error(self, message: str) -> Any:
        self.exit(BAD_INPUT, f"{self.prog}: {message} (see {self.prog} --help)\n")


def _device_verb(name: str) -> Verb:
    module, attribute = DEVICE_VERBS[name].split(":")
    return cast(Verb, getattr(import_module(f"{__package__}.{module}"), attribute))


def _find_verbs(name: str | None) -> list[Verb]:
    """Return the named verb alone, or all of them when there is none of this name."""
    if name in DEVICE_VERBS:
        return [_device_verb(name)]
    further = list(entry_points(group=GROUP))
    named = [entry for entry in further if entry.name == name]
    if named:
        return [cast(Verb, entry.load()) for entry in named]
    verbs = [_device_verb(known) for known in DEVICE_VERBS]
    for entry in further:
        try:
            verbs.append(cast(Verb, entry.load()))
        except ImportError:  # where its packages are missing the others still work
            continue
    return verbs


def _parser(verbs: Sequence[Verb]) -> argparse.ArgumentParser:
    parser = _Parser(
        prog="kws",
        description="Keyword spotting for devices: wake words and voice commands.",
        epilog="example: kws spot recording.wav",
    )
    from .. import __version__

    parser.add_argument("--version", action="version", version=f"kws {__version__}")
    commands = parser.add_subparsers(metavar="VERB", required=True)
    for verb in verbs:
        sub = commands.add_parser(
            verb.name,
            help=verb.summary,
            description=verb.summary,
            epilog=f"example: {verb.example}",
            formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        )
        sub.add_argument("--debug", action="store_true", help="show where an error came from")
        verb.configure(sub)
        sub.set_defaults(run=verb.run)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    name = given[0] if given and not given[0].startswith("-") else None
    debug = "--debug" in given
    if isinstance(sys.stdout, io.TextIOWrapper):  # whatever the name of a file or the locale
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        options = _parser(_find_verbs(name)).parse_args(given)
        status: int = options.run(options)
        _flush()
        return status
    except KwsError as error:
        if debug:
            traceback.print_exc()  # not raised: a status of 1 is for verbs to give
        return _complain(str(error), BAD_INPUT)
    except ModuleNotFoundError as error:
        if debug:
            traceback.print_exc()
        extra = "deploy" if name in DEPLOY_VERBS else "train"
        return _complain(f"{error.name} is missing: {install_extra(extra)}", BAD_INPUT)
    except BrokenPipeError:
        _discard_output()  # the reader has gone, as in `kws spot … | head`
        return 0
    except OSError as error:  # a full disk, a device that went away
        if debug:
            traceback.print_exc()
        where = error.filename or "output"
        return _complain(f"{where}: {error.strerror or error}", BAD_INPUT)
    except KeyboardInterrupt:
        return _complain("stopped", INTERRUPTED)
    except Exception as error:
        if debug:
            traceback.print_exc()
        return _complain(
            f"unexpected {type(error).__name__}: {error} (--debug shows where)", UNEXPECTED
        )


def _flush() -> None:
    if sys.stdout is not None:  # None where it was closed from the start
        sys.stdout.flush()


def _discard_output() -> None:
    """Send what stdout holds nowhere; else the interpreter tries again at exit, and complains."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _complain(message: str, status: int) -> int:
    try:
        _flush()
    except OSError:  # a full disk takes no more, whatever the error to tell is
        _discard_output()
    note("kws: " + " ".join(message.split()))
    return status
