"""The command `kws`: finds the verb, runs it, and says in one line what went wrong."""

from __future__ import annotations

import argparse
import io
import os
import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
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
    "understand": "understand:UNDERSTAND",
    "transcribe": "transcribe:TRANSCRIBE",
    "serve": "serve:SERVE",
    "review": "review:REVIEW",
    "record": "record:RECORD",
    "enroll": "enroll:ENROLL",
    "calibrate": "calibrate:CALIBRATE",
    "models": "models:MODELS",
    "inspect": "inspect:INSPECT",
    "bench": "bench:BENCH",
    "pull": "pull:PULL",
    "push": "push:PUSH",
}


@dataclass(frozen=True)
class _Side:
    """One of the four sides of the command line.

    Attributes
    ----------
    title : str
        What its verbs are for, as a heading of ``kws --help``.
    extra : str or None
        The extra that brings what its verbs import; None for the device, which needs none.
    """

    title: str
    extra: str | None


#: The sides by the package that their verbs are in, in the order of ``kws --help``.
SIDES = {
    "kws": _Side("on the device", None),
    "kws_training": _Side("from recordings to a model", "train"),
    "kws_deploy": _Side("from a model to the device", "deploy"),
    "kws_studio": _Side("all of it in the browser", "studio"),
}


class _Parser(argparse.ArgumentParser):
    """Says in one line what is wrong with the arguments."""

    def error(self, message: str) -> Any:
        self.exit(BAD_INPUT, f"{self.prog}: {message} (see {self.prog} --help)\n")


class _Formatter(argparse.ArgumentDefaultsHelpFormatter):
    """Says the default of an option where there is one: None, False and no files are none."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        if action.default is None or action.default is False or action.default == []:
            return action.help
        return super()._get_help_string(action)


def _device_verb(name: str) -> Verb:
    module, attribute = DEVICE_VERBS[name].split(":")
    return cast(Verb, getattr(import_module(f"{__package__}.{module}"), attribute))


def find_verbs(name: str | None) -> list[Verb]:
    """Return the named verb alone, or all of them when there is none of this name.

    Parameters
    ----------
    name : str or None
        What the command line begins with.

    Returns
    -------
    list of Verb
        Verbs whose packages are not installed are left out.
    """
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


def _side(module: str) -> _Side | None:
    """Return the side that a module is of; None if it is of somebody else's package."""
    return SIDES.get(module.partition(".")[0])


def _extra(name: str | None) -> str:
    """Return the extra that brings what a verb imports."""
    for entry in entry_points(group=GROUP):
        side = _side(entry.value)
        if entry.name == name and side is not None and side.extra is not None:
            return side.extra
    return "train"


def _listing(verbs: Sequence[Verb]) -> str:
    """Return the verbs and what they do, by side."""
    groups: dict[str, list[Verb]] = {side.title: [] for side in SIDES.values()}
    for verb in verbs:
        side = _side(verb.run.__module__)
        groups.setdefault("others" if side is None else side.title, []).append(verb)
    width = max(len(verb.name) for verb in verbs)
    lines = []
    for title, members in groups.items():
        if members:
            lines += [
                f"{title}:",
                *(f"    {one.name:{width}}  {one.summary}" for one in members),
                "",
            ]
    return "\n".join(lines)


def _parser(verbs: Sequence[Verb]) -> argparse.ArgumentParser:
    parser = _Parser(
        prog="kws",
        usage="kws [-h] [--version] VERB ...",
        description="Keyword spotting for devices: wake words and voice commands.\n\n"
        + _listing(verbs),
        epilog="kws VERB --help says more of each\nexample: kws spot recording.wav",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    from .. import __version__

    parser.add_argument("--version", action="version", version=f"kws {__version__}")
    # without a help of their own the verbs are listed by _listing alone
    commands = parser.add_subparsers(
        metavar="VERB", required=True, prog="kws", help=argparse.SUPPRESS
    )
    for verb in verbs:
        sub = commands.add_parser(
            verb.name,
            description=verb.summary,
            epilog=f"example: {verb.example}",
            formatter_class=_Formatter,
        )
        sub.add_argument("--debug", action="store_true", help="show where an error came from")
        verb.configure(sub)
        sub.set_defaults(run=verb.run)
    return parser


def require_verb(name: str) -> Verb:
    """Return a verb that another one needs.

    Parameters
    ----------
    name : str
        The verb.

    Raises
    ------
    KwsError
        If its package is not installed.
    """
    try:
        verbs = find_verbs(name)
    except ImportError:
        verbs = []
    if [verb.name for verb in verbs] != [name]:
        raise KwsError(f"the verb {name} is missing: {install_extra('deploy')}")
    return verbs[0]


def run_verb(name: str, arguments: Sequence[str]) -> int:
    """Run another verb from within one.

    Parameters
    ----------
    name : str
        The verb.
    arguments : sequence of str
        What follows it on the command line.

    Returns
    -------
    int
        The exit status of the verb.

    Raises
    ------
    KwsError
        What the verb raises, or if its package is not installed.
    """
    options = _parser([require_verb(name)]).parse_args([name, *arguments])
    status: int = options.run(options)
    return status


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    arguments : sequence of str, optional
        What follows ``kws``; those of the process if left out.

    Returns
    -------
    int
        The exit status: 0 only on success.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    name = given[0] if given and not given[0].startswith("-") else None
    debug = "--debug" in given
    if isinstance(sys.stdout, io.TextIOWrapper):  # whatever the name of a file or the locale
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        options = _parser(find_verbs(name)).parse_args(given)
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
        return _complain(f"{error.name} is missing: {install_extra(_extra(name))}", BAD_INPUT)
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
