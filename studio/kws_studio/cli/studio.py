"""The verb studio: pages in the browser, from the first recording to the model on the device."""

from __future__ import annotations

import argparse
from pathlib import Path

from kws.cli.verb import Verb
from kws.console import note
from kws.errors import KwsError

#: Where the studio listens unless told otherwise: this machine alone.
HOST = "127.0.0.1"
PORT = 8766
#: Where a Space gets kws from unless told otherwise.
REQUIREMENT = "kws[studio]"


def _port(text: str) -> int:
    value = int(text)
    if not 0 <= value <= 65535:
        raise argparse.ArgumentTypeError("must be 0 to 65535")
    return value


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data",
        type=Path,
        default=Path("wakeword"),
        metavar="DIR",
        help="the project's folder, in which other commands find recordings and models",
    )
    parser.add_argument(
        "--port", type=_port, default=PORT, help="where it listens; 0 takes a free one"
    )
    parser.add_argument(
        "--host",
        default=HOST,
        help="which machines reach it: 0.0.0.0 lets others in, who then need the token in the "
        "address that is printed",
    )
    parser.add_argument(
        "--certificate",
        type=Path,
        metavar="FILE.pem",
        help="serve HTTPS, by which alone browsers give the microphone to pages of other machines",
    )
    parser.add_argument("--key", type=Path, metavar="FILE.pem", help="the certificate's key")
    parser.add_argument(
        "--export-space",
        type=Path,
        metavar="DIR",
        help="write the studio as a Space of the Hugging Face Hub, and end",
    )
    parser.add_argument(
        "--requirement",
        default=REQUIREMENT,
        metavar="PIP",
        help="with --export-space: where the Space gets kws from, as pip takes it",
    )


def _run(options: argparse.Namespace) -> int:
    if options.export_space is not None:
        from ..space import export_space

        for path in export_space(options.export_space, options.requirement):
            print(path)
        return 0
    import asyncio

    import aiohttp  # noqa: F401  (missing: said before anything is made)
    import PIL  # noqa: F401
    import segno  # noqa: F401

    from kws.serving.addresses import Address
    from kws.serving.stderr import waitless_stderr

    from ..service import StudioConfig, serve

    if options.host.startswith("-") or not options.host:
        raise KwsError(f"--host {options.host!r:.40}: give a number or a name of this machine")
    address = Address("http", options.host, options.port)
    note(f"project: {options.data}")
    with waitless_stderr():  # of the terminal that started it, perhaps nobody reads
        asyncio.run(serve(StudioConfig(options.data, address, options.certificate, options.key)))
    return 0


STUDIO = Verb(
    "studio",
    "make a wake word in the browser, from the first recording to the model on the device",
    "kws studio --data wakeword",
    _configure,
    _run,
)
