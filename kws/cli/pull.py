"""The verb pull: fetches a model from the Hugging Face Hub."""

from __future__ import annotations

import argparse
import hashlib
import json

from ..errors import KwsError
from ..files import whole_file
from ..hub.name import HubName, parse_name
from .arguments import add_output, check_output
from .verb import Verb


def repository(text: str) -> HubName:
    """Parse the name of a repository on the Hub.

    Parameters
    ----------
    text : str
        As it was given on the command line.

    Returns
    -------
    HubName
    """
    name = parse_name(text)
    if name is None:
        raise argparse.ArgumentTypeError(
            f"{text!r:.200} is no repository on the Hub: give org/name, or org/name@revision"
        )
    return name


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "name",
        type=repository,
        metavar="ORG/NAME[@REVISION]",
        help="the repository on the Hub, and a branch, tag or commit of it",
    )
    add_output(parser)
    parser.add_argument("--json", action="store_true", help="what was fetched as one JSON object")


def _run(options: argparse.Namespace) -> int:
    from ..hub.download import fetch_model

    check_output(options.output)
    fetched = fetch_model(options.name)
    try:
        with whole_file(options.output) as stream:
            stream.write(fetched.content)
    except OSError as error:
        raise KwsError(f"{options.output}: cannot be written ({error.strerror})") from None
    digest = hashlib.sha256(fetched.content).hexdigest()
    if options.json:
        values = {
            "model": str(options.output),
            "repository": options.name.repository,
            "commit": fetched.commit,
            "bytes": len(fetched.content),
            "sha256": digest,
            "keywords": list(fetched.model.metadata.keywords),
        }
        print(json.dumps(values, indent=1))
    else:
        print(f"wrote {options.output}: {options.name} at commit {fetched.commit}")
        print(f"{len(fetched.content)} bytes, SHA-256 {digest}")
    return 0


PULL = Verb(
    "pull",
    "fetch a model from the Hugging Face Hub",
    "kws pull anna/lights@v2 --output lights.tflite",
    _configure,
    _run,
)
