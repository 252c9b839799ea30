"""What comes from elsewhere: pinned, named, with its licence; and the bill of what ships."""

import hashlib
import importlib
import json
import re
import runpy
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kws.modelfile import network_digest
from kws.packaged import NAMES, packaged_model

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
LOCK = ROOT / "packaging" / "development.txt"
#: Extras that the lock is of: see `make lock`.
LOCKED = ("audit", "docs", "lint", "test")
#: Licences that let a model be shipped without strings, as SPDX and as NOTICE name them.
FREE = {"Apache-2.0": "Apache-2.0", "CC-BY-3.0": "CC BY 3.0", "CC-BY-4.0": "CC BY 4.0"}
#: What no SHA-256 is published of, but an MD5: two data sets, and the voices of Piper.
BY_MD5 = re.compile(r"musan\.tar\.gz|UrbanSound8K\.tar\.gz|[\w-]+\.onnx(\.json)?")


@pytest.fixture(scope="module")
def sources() -> dict[str, Any]:
    return json.loads((ROOT / "kws" / "models" / "sources.json").read_text())


# --- weights ---


def test_every_model_that_ships_names_its_data_and_their_licences(sources: dict[str, Any]) -> None:
    assert set(sources["models"]) == set(NAMES)
    assert sources["licence"] == PROJECT["project"]["license"]
    for name, one in sources["models"].items():
        model = packaged_model(name)
        assert network_digest(model) == one["network_sha256"], f"{name} is another one now"
        assert one["data"]
        assert set(one["data"]) <= set(sources["data"])
        assert set(one["goes_on_from"]) <= set(NAMES)
        provenance = model.metadata.provenance
        if "sources" in provenance:  # the file itself says it
            rows = {
                row["source"].partition(" (")[0]: row["licence"] for row in provenance["sources"]
            }
            assert rows.keys() == set(one["data"])
            for source, licence in rows.items():
                assert FREE[sources["data"][source]["licence"]] == licence
            assert len(provenance["synthesized_by"]) == len(one["synthesized_by"])


def test_notice_has_the_data_of_every_model(sources: dict[str, Any]) -> None:
    notice = " ".join((ROOT / "NOTICE").read_text().split())
    for name, one in sources["data"].items():
        entry = re.search(
            rf"- {re.escape(name)}, [^:]*{re.escape(one['by'])}, {FREE[one['licence']]}: ([^;.(]*)",
            notice,
        )
        assert entry, f"{name} is not in NOTICE with who made it and its licence"
        trained = {model for model, row in sources["models"].items() if name in row["data"]}
        assert set(entry[1].strip().split(", ")) == trained, name
    for model, row in sources["models"].items():
        for engine in row["synthesized_by"]:
            entry = re.search(rf"{re.escape(engine)} \(([^)]*)\)", notice)
            assert entry, f"{engine} is not in NOTICE"
            assert model in entry[1].split(", "), f"{engine}: {model}"


# --- downloads ---


def downloads(value: Any, seen: set[int]) -> Iterator[Any]:
    """All `Download`s within constants of modules: in tuples, dicts and dataclasses."""
    from kws_training.data.download import Download

    if id(value) in seen:
        return
    seen.add(id(value))
    if isinstance(value, Download):
        yield value
    elif isinstance(value, dict):
        yield from (found for one in value.values() for found in downloads(one, seen))
    elif isinstance(value, tuple | list | set | frozenset):
        yield from (found for one in value for found in downloads(one, seen))
    elif hasattr(value, "__dataclass_fields__") and not isinstance(value, type):
        yield from (found for one in vars(value).values() for found in downloads(one, seen))


def test_every_download_has_a_digest() -> None:
    pytest.importorskip("pooch", reason="the training side is not installed")
    seen: set[int] = set()
    found = []
    for name in ("data.sources", "networks.weights", "synthesis.published", "augmentation.rooms"):
        module = importlib.import_module(f"kws_training.{name}")
        found += [one for value in vars(module).values() for one in downloads(value, seen)]
    assert len(found) >= 10
    for one in found:
        algorithm, digest = one.digest
        assert re.fullmatch("[0-9a-f]+", digest)
        assert one.size > 0
        if algorithm == "MD5":
            assert BY_MD5.fullmatch(one.name)
        else:
            assert len(digest) == 64


def test_no_other_module_downloads() -> None:
    """All that fetches goes through `fetch`, which checks digests, or the client of the Hub."""
    allowed = {"training/kws_training/data/download.py"}
    pattern = re.compile(r"^\s*(import|from) (requests|urllib\.request|httpx|http\.client)\b", re.M)
    found = {
        str(path.relative_to(ROOT))
        for folder in ("kws", "training", "deploy", "studio")
        for path in (ROOT / folder).rglob("*.py")
        if pattern.search(path.read_text())
    }
    assert found <= allowed


# --- development ---


def locked() -> dict[str, tuple[str, list[str]]]:
    """Name, version and digests of what is locked; a name may have several by Python version."""
    text = LOCK.read_text().replace("\\\n", " ")
    found: dict[str, tuple[str, list[str]]] = {}
    for line in text.splitlines():
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        pinned = re.match(r"([a-z0-9.-]+)(\[[a-z,-]+\])?==([^ ;]+)", line)
        assert pinned, f"{line!r:.60} pins no version"
        digests = re.findall(r"--hash=sha256:([0-9a-f]{64})\b", line)
        assert digests, f"{pinned[1]} has no digest"
        found[pinned[1]] = (pinned[3], digests)
    return found


def wanted(extra: str) -> Iterator[str]:
    """Requirements of an extra, and of those that it names."""
    for need in PROJECT["project"]["optional-dependencies"][extra]:
        own = re.fullmatch(r"kws\[(.*)\]", need)
        if own:
            yield from (one for other in own[1].split(",") for one in wanted(other))
        else:
            yield need


def test_the_lock_has_all_that_development_needs_by_digest() -> None:
    requirements = pytest.importorskip("packaging.requirements", reason="no package 'packaging'")
    there = locked()
    needs = [*PROJECT["project"]["dependencies"], *(one for e in LOCKED for one in wanted(e))]
    for need in needs:
        one = requirements.Requirement(need)
        name = one.name.lower().replace("_", "-")
        assert name in there, f"{need} is not in the lock: make lock"
        version = there[name][0]
        assert one.specifier.contains(version), f"{need}, but {version} is locked: make lock"


def test_the_workflow_runs_actions_by_commit_and_audits_the_lock() -> None:
    for path in (ROOT / ".github" / "workflows").glob("*.yml"):
        text = path.read_text()
        for action in re.findall(r"uses: *(\S+)", text):
            assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", action), f"{path.name}: {action}"
        assert "permissions:\n  contents: read" in text
    workflow = (ROOT / ".github" / "workflows" / "ci.yml").read_text()
    # strict: what cannot be looked up fails, else an audit of nothing would succeed
    audit = "pip-audit --strict --require-hashes --disable-pip -r "
    assert f"{audit}packaging/development.txt" in workflow
    assert audit in (ROOT / "Makefile").read_text()
    assert "--require-hashes -r packaging/development.txt" in (ROOT / "Makefile").read_text()


# --- the bill of materials ---


@pytest.fixture(scope="module")
def bill() -> dict[str, Any]:
    sbom = runpy.run_path(str(ROOT / "packaging" / "sbom.py"))
    packages = PROJECT["tool"]["setuptools"]["packages"]
    content = sbom["bill"](ROOT, packages)
    assert sbom["bill"](ROOT, packages) == content
    return json.loads(content)


def test_the_bill_has_what_is_needed_and_what_ships(bill: dict[str, Any]) -> None:
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    itself = bill["metadata"]["component"]
    assert itself["purl"] == f"pkg:pypi/kws@{PROJECT['project']['version']}"
    components = {one["bom-ref"]: one for one in bill["components"]}
    assert len(components) == len(bill["components"])
    required = {one["name"] for one in components.values() if one.get("scope") == "required"}
    assert required == {"numpy", "ai-edge-litert"}
    for extra in PROJECT["project"]["optional-dependencies"]:
        for need in wanted(extra):
            name = re.match(r"[A-Za-z0-9_.-]+", need).group().lower().replace("_", "-")
            assert f"pypi/{name}" in components
    for name in NAMES:
        one = components[f"model/{name}"]
        content = (ROOT / "kws" / "models" / f"{name}.tflite").read_bytes()
        assert one["hashes"][0]["content"] == hashlib.sha256(content).hexdigest()
        for row in one["modelCard"]["modelParameters"]["datasets"]:
            assert components[row["ref"]]["licenses"]
    references = {one["ref"] for one in bill["dependencies"]}
    assert references == {*components, itself["bom-ref"]}


def test_the_bill_is_valid(bill: dict[str, Any]) -> None:
    pytest.importorskip("jsonschema", reason="no package 'jsonschema'")
    validation = pytest.importorskip("cyclonedx.validation.json", reason="no cyclonedx-python-lib")
    schema = importlib.import_module("cyclonedx.schema")
    validator = validation.JsonStrictValidator(schema.SchemaVersion.V1_6)
    assert validator.validate_str(json.dumps(bill)) is None
