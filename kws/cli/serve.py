"""The verb serve: wake words for other programs, over the Wyoming protocol and over HTTP."""

from __future__ import annotations

import argparse

from ..errors import KwsError
from ..packaged import COMMANDS
from .arguments import MODEL_HELP
from .verb import Verb

#: Where the Wyoming server listens unless told otherwise; the port is that of others of its kind.
URI = "tcp://127.0.0.1:10400"
#: Where the HTTP server listens unless told otherwise.
HTTP = "127.0.0.1:8765"


def _of_keyword(lowest: float, highest: float) -> argparse._ActionType:
    """Return what parses ``KEYWORD=NUMBER``."""

    def parse(text: str) -> tuple[str, float]:
        keyword, equals, number = text.rpartition("=")
        try:
            value = float(number)
        except ValueError:
            value = float("nan")
        if not equals or not keyword or not lowest <= value <= highest:
            raise argparse.ArgumentTypeError(
                f"{text!r:.100}: give KEYWORD=NUMBER, the number from {lowest:g} to {highest:g}"
            )
        return keyword, value

    return parse


def _count(text: str) -> int:
    value = int(text)
    if not 1 <= value <= 1000:
        raise argparse.ArgumentTypeError("must be 1 to 1000")
    return value


def _idle(text: str) -> float:
    value = float(text)
    if not 1 <= value <= 86400:  # NaN is not
        raise argparse.ArgumentTypeError("must be 1 to 86400")
    return value


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--uri",
        metavar="URI",
        help="address of the Wyoming server, tcp://HOST:PORT or unix:///PATH; "
        f"{URI} if neither this nor --http is given; port 0 takes one that is free",
    )
    parser.add_argument(
        "--http",
        nargs="?",
        const=HTTP,
        metavar="HOST:PORT",
        help=f"serve HTTP and WebSockets, with a page to try it; at {HTTP} unless told otherwise",
    )
    parser.add_argument(
        "--model",
        action="append",
        metavar="MODEL",
        help=f"{MODEL_HELP}; or a folder of model files, which may change; can be given several "
        f"times; {COMMANDS} if left out",
    )
    parser.add_argument(
        "--threshold",
        action="append",
        type=_of_keyword(0, 1),
        default=[],
        metavar="KEYWORD=T",
        help="0 to 1, for one wake word, instead of the model's own; MODEL:KEYWORD for one of "
        "several models; can be given several times",
    )
    parser.add_argument(
        "--refractory",
        action="append",
        type=_of_keyword(0, 3600),
        default=[],
        metavar="KEYWORD=S",
        help="seconds after a detection in which the same wake word is not detected again",
    )
    parser.add_argument(
        "--zeroconf",
        action="store_true",
        help="announce the Wyoming server to the local network: Home Assistant finds it",
    )
    parser.add_argument(
        "--clients", type=_count, default=32, metavar="N", help="clients that are served at once"
    )
    parser.add_argument(
        "--idle",
        type=_idle,
        default=300.0,
        metavar="S",
        help="seconds after which a connection is closed on which nothing comes",
    )
    parser.add_argument(
        "--allow-origin",
        action="append",
        default=[],
        metavar="ORIGIN",
        help="let web pages of another server use HTTP, such as https://panel.example:8443",
    )


def _run(options: argparse.Namespace) -> int:
    import asyncio

    from ..serving.addresses import parse_http, parse_uri
    from ..serving.limits import Limits
    from ..serving.running import ServerConfig, serve
    from ..serving.stderr import waitless_stderr
    from ..serving.tuning import Tuning

    uri = options.uri or (None if options.http else URI)
    config = ServerConfig(
        uri=None if uri is None else parse_uri(uri),
        http=None if options.http is None else parse_http(options.http),
        models=options.model or [COMMANDS],
        tuning=Tuning(dict(options.threshold), dict(options.refractory)),
        limits=Limits(clients=options.clients, idle_seconds=options.idle),
        zeroconf=options.zeroconf,
        origins=options.allow_origin,
    )
    if config.zeroconf and (config.uri is None or config.uri.is_local):
        raise KwsError(
            "--zeroconf announces a server to other machines: give --uri tcp://0.0.0.0:10400"
        )
    with waitless_stderr():
        asyncio.run(serve(config))
    return 0


SERVE = Verb(
    "serve",
    "detect wake words for other programs: Wyoming (Home Assistant), HTTP, WebSocket",
    "kws serve --uri tcp://127.0.0.1:10400 --model commands",
    _configure,
    _run,
)
