"""What people put together: a network and its contract for `kws pack`, a card for the Hub."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterator
from pathlib import Path

from kws.modelfile import METADATA_NAME
from kws.packaged import packaged_model
from kws.untrusted.flatbuffer import UnknownError
from kws.untrusted.structure import check_network

from .changes import archive_of, change_bytes, change_text, change_values, entries_of, to_json
from .models import TRIED, changed_entry, changed_network, seeds, split
from .reader import Reader

#: Name of the network among the files of an input.
_NETWORK = "network.tflite"
#: Of inputs whose network may make a contract, one in so many does: it runs a thousand steps.
_TEMPLATES = 20


def _pack_seeds() -> tuple[bytes, ...]:
    """Return the files that `kws pack` takes, those of each kind of model in an archive."""
    found = []
    for content in seeds():
        network, entries = split(content)
        values = json.loads(entries[METADATA_NAME])
        del values["network"]
        entries[METADATA_NAME] = json.dumps(values).encode()
        found.append(archive_of([(_NETWORK, network), *entries.items()]))
    return tuple(found)


def _change_pack(content: bytes, draw: random.Random) -> bytes:
    entries = entries_of(content)
    values = json.loads(entries[METADATA_NAME])
    what = draw.randrange(10)
    if what < 6:
        part = draw.choice((values, values, values["front_end"], values["streaming"]))
        changed = change_values(part, draw)
        if part is not values:
            name = "front_end" if part is values["front_end"] else "streaming"
            changed = {**values, name: changed}
        entries[METADATA_NAME] = to_json(changed, draw)
    elif what == 6:
        entries[_NETWORK] = changed_network(entries[_NETWORK], draw)
    elif what == 7:
        entries[_NETWORK] = change_bytes(entries[_NETWORK], draw)
    else:
        others = [name for name in entries if name not in (_NETWORK, METADATA_NAME)]
        name = draw.choice(others or [METADATA_NAME])
        entries[name] = changed_entry(name, entries[name], draw)
        if name == "verifier.tflite":
            values["verifier"]["sha256"] = hashlib.sha256(entries[name]).hexdigest()
            entries[METADATA_NAME] = json.dumps(values).encode()
        elif draw.random() < 0.1:
            del entries[name]
    return archive_of([*entries.items()])


def _read_pack(content: bytes, folder: Path) -> str:
    from kws_deploy.pack import join, read_network, template

    for name, part in entries_of(content).items():
        (folder / name).write_bytes(part)
    network = read_network(folder / _NETWORK)
    number = hashlib.sha256(content).digest()[0]
    try:
        check_network(network)
    except UnknownError:
        if number * 256 % TRIED:
            return "left to a trial"
    if number % _TEMPLATES == 0:
        json.dumps(template(network, _NETWORK).values, allow_nan=False).encode()
    join(network, folder / METADATA_NAME)
    return "packed"


# --- cards --------------------------------------------------------------------------------------

_CARD = """\
---
library_name: kws
license: apache-2.0
language:
  - en
tags: [keyword-spotting, "wake word"]
datasets: &sets
  - google/speech_commands
model-index:
  - name: lights
    results:
      - task: {type: keyword-spotting}
        dataset: {type: own, name: kitchen}
        metrics:
          - {type: miss_rate, value: 0.02}
---

# Lights

A model.
"""
_change_card = change_text(
    (
        *(
            "---",
            "- ",
            "  ",
            "*sets",
            "&a [*a]",
            "!!python/object/apply:os.system [ls]",
            "? ",
            ": ",
        ),
        *(
            "|",
            ">",
            "{",
            "}",
            "[",
            "]",
            "[" * 500,
            "{a: " * 500,
            "license:",
            "null",
            "1_000",
            "0o7",
        ),
        *(
            "2026-11-30",
            ".nan",
            "model-index:",
            "- name:",
            "metrics:",
            "value:",
            "!!binary aGk=",
            "%",
        ),
        *("<<: *sets", "a: &a [x,x]\nb: &b [*a,*a]\nc: &c [*b,*b]\nd: [*c,*c]", "# ", "\r\n", "@"),
    ),
    "\n: ,",
)


def _read_card(content: bytes, folder: Path) -> str:
    import huggingface_hub

    from kws.cli.push import _read_card
    from kws.hub.card import CardDetails, hub_card

    path = folder / "README.md"
    path.write_bytes(content)
    model = packaged_model("commands-small")
    text = _read_card(path)
    hub_card(huggingface_hub, model, b"x", "anna/lights", CardDetails("mit", ["en"]), text)
    return "joined"


def readers() -> Iterator[Reader]:
    """Yield the readers of what is put together."""
    yield Reader(
        "pack",
        "networks and contracts for kws pack, run",
        _pack_seeds,
        _read_pack,
        _change_pack,
        needs=("flatbuffers",),
        memory=256,
        starts_processes=True,
    )
    yield Reader(
        "card",
        "cards for the Hub",
        lambda: (_CARD.encode(), b"# Lights\n", b"---\nlicense: mit\n---\n"),
        _read_card,
        _change_card,
        needs=("huggingface_hub",),
    )
