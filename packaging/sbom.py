"""The software bill of materials of a wheel: what is in it and what it needs, as CycloneDX JSON.

`setup.py` writes it into the wheel (PEP 770). It holds what pyproject.toml says is needed, with its
bounds, since a wheel fixes no versions; the models, each with the data and text to speech that
trained it and their licences (kws/models/sources.json); and the lists of words of others. The same
tree gives the same bytes.
"""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import Any

#: Name in the folder ``sboms`` of a wheel's metadata.
NAME = "kws.cdx.json"
#: Lists of words of others, by package and name, with who made them and the licence; NOTICE has the
#: words of each.
WORD_LISTS = {
    ("kws.phonemes", "dictionary.txt"): (
        "CMU Pronouncing Dictionary 0.4 and SCOWL",
        "see NOTICE",
    ),
    ("kws_training.synthesis", "words.txt"): ("CMU Pronouncing Dictionary", "BSD-2-Clause"),
    ("kws.phonemes", "frequent.txt"): ("SCOWL", "see NOTICE"),
}

Component = dict[str, Any]


def bill(root: Path, packages: Iterable[str]) -> bytes:
    """Return the bill of materials of a wheel.

    Parameters
    ----------
    root : Path
        The checkout, or an unpacked sdist.
    packages : iterable of str
        Packages that go into the wheel.

    Returns
    -------
    bytes
        CycloneDX 1.6 as JSON.
    """
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    components = [*_needed(project), *_models(root), *_word_lists(root, set(packages))]
    name, version = project["name"], project["version"]
    itself = {
        "type": "library",
        "bom-ref": name,
        "name": name,
        "version": version,
        "description": project["description"],
        "purl": f"pkg:pypi/{name}@{version}",
        "licenses": _licences(project["license"]),
    }
    depended = [one["bom-ref"] for one in components if one["type"] != "data"]
    dependencies = [{"ref": name, "dependsOn": depended}]
    dependencies += [{"ref": one["bom-ref"]} for one in components]
    values = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"lifecycles": [{"phase": "build"}], "component": itself},
        "components": components,
        "dependencies": dependencies,
    }
    digest = hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()
    values["serialNumber"] = f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, digest)}"
    return json.dumps(values, indent=1).encode() + b"\n"


def _needed(project: dict[str, Any]) -> list[Component]:
    """Return what is installed with the wheel, and what its extras add."""
    wanted = [(need, None) for need in project["dependencies"]]
    wanted += [
        (need, extra)
        for extra, needs in project["optional-dependencies"].items()
        for need in needs
        if not need.startswith(f"{project['name']}[")
    ]
    found: dict[str, Component] = {}
    for need, extra in wanted:
        name = re.match(r"[A-Za-z0-9_.-]+", need).group().lower().replace("_", "-")
        one = found.setdefault(
            name,
            {
                "type": "library",
                "bom-ref": f"pypi/{name}",
                "name": name,
                "purl": f"pkg:pypi/{name}",
                "scope": "optional" if extra else "required",
                "properties": [],
            },
        )
        of = f"kws:extra:{extra}" if extra else "kws:dependency"
        one["properties"].append({"name": of, "value": need})
    return list(found.values())


def _models(root: Path) -> list[Component]:
    """Return the models in the package, and the data that trained them."""
    folder = root / "kws" / "models"
    sources = json.loads((folder / "sources.json").read_text())
    data = [
        {
            "type": "data",
            "bom-ref": f"data/{name}",
            "name": name,
            "supplier": {"name": one["by"]},
            "scope": "excluded",  # trained with, and not in the wheel
            "licenses": _licences(one["licence"]),
        }
        for name, one in sources["data"].items()
    ]
    models = [
        {
            "type": "machine-learning-model",
            "bom-ref": f"model/{name}",
            "name": name,
            "hashes": [_sha256(folder / f"{name}.tflite")],
            "licenses": _licences(sources["licence"]),
            "modelCard": {
                "modelParameters": {"datasets": [{"ref": f"data/{own}"} for own in one["data"]]},
                "properties": [
                    *({"name": "kws:goes_on_from", "value": of} for of in one["goes_on_from"]),
                    *({"name": "kws:synthesized_by", "value": by} for by in one["synthesized_by"]),
                ],
            },
        }
        for name, one in sources["models"].items()
    ]
    return [*models, *data]


def _word_lists(root: Path, packages: set[str]) -> list[Component]:
    """Return the lists of words of others in some packages."""
    return [
        {
            "type": "file",
            "bom-ref": f"file/{name}",
            "name": name,
            "description": f"from {of}",
            "hashes": [_sha256(_folder(root, package) / name)],
            "licenses": _licences(licence),
        }
        for (package, name), (of, licence) in WORD_LISTS.items()
        if package in packages
    ]


def _folder(root: Path, package: str) -> Path:
    """Return the folder of a package, of the device side or of training."""
    side = root if package.startswith("kws.") else root / "training"
    return side.joinpath(*package.split("."))


def _sha256(path: Path) -> dict[str, str]:
    return {"alg": "SHA-256", "content": hashlib.sha256(path.read_bytes()).hexdigest()}


def _licences(licence: str) -> list[dict[str, Any]]:
    """Return a licence by its identifier of SPDX, or by words where there is none."""
    return [{"license": {"name" if " " in licence else "id": licence}}]
