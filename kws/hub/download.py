"""Fetches a model from the Hugging Face Hub, through the cache of huggingface_hub."""

from __future__ import annotations

import contextlib
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from ..console import note
from ..errors import ModelError
from ..modelfile import MAX_FILE_BYTES, ModelFile, parse_model
from .client import PATIENCE, HubError, calm, expected_errors, explain, import_hub, is_unreachable
from .name import HubName

#: Name of the model file in a repository; of another name there may be one.
MODEL_NAME = "model.tflite"


@dataclass(frozen=True)
class FetchedModel:
    """A model from the Hub.

    Attributes
    ----------
    model : ModelFile
        The network and its contract, checked.
    content : bytes
        The whole file.
    commit : str
        The commit that it is of.
    path : Path
        The file in the cache.
    """

    model: ModelFile
    content: bytes
    commit: str
    path: Path


def fetch_model(name: HubName) -> FetchedModel:
    """Fetch a model from the Hub, or from the cache where it is there already.

    One file is downloaded: ``model.tflite``, or the only one whose name ends so. It is read as any
    model file, and nothing of the repository is run. Private repositories are read with the token
    that huggingface_hub finds.

    Parameters
    ----------
    name : HubName
        The repository, and the revision that is wanted.

    Returns
    -------
    FetchedModel

    Raises
    ------
    HubError
        If huggingface_hub is missing, there is no such repository, revision or file, it may not be
        read, it is too large, or the Hub cannot be reached and the cache does not have it.
    ModelError
        If the file is no model file.
    """
    hub = import_hub(str(name))
    with calm(hub):
        try:
            path = _download(hub, name)
        except expected_errors(hub) as error:
            words = explain(hub, error, name.repository)
            cached = _cached(hub, name) if is_unreachable(hub, error) else None
            if cached is None:
                raise HubError(f"{name}: {words}") from error
            if not isinstance(error, hub.errors.OfflineModeIsEnabled):  # which was asked for
                note(f"kws: {name}: the copy in the cache is taken, since {words}")
            path = cached
    return _read(name, path)


def _download(hub: Any, name: HubName) -> Path:
    """Return the file of a model in the cache; it is downloaded if it is not there."""
    try:
        _check_size(hub, name, MODEL_NAME)
        file = MODEL_NAME
    except hub.errors.EntryNotFoundError:
        file = _only_model(hub, name)
        _check_size(hub, name, file)
    return Path(
        hub.hf_hub_download(
            name.repository, file, revision=name.revision, tqdm_class=_bounded(hub, name)
        )
    )


def _check_size(hub: Any, name: HubName, file: str) -> None:
    """Refuse a file before it is downloaded if the Hub says that it is too large for a model."""
    url = hub.hf_hub_url(name.repository, file, revision=name.revision)
    metadata = hub.get_hf_file_metadata(url)
    if metadata.commit_hash is None:
        raise hub.errors.FileMetadataError("the answer names no commit")
    size = metadata.size
    if size is not None and size > MAX_FILE_BYTES:
        raise HubError(_too_large(name, size))


def _too_large(name: HubName, size: int) -> str:
    return f"{name}: {size} bytes is no model: at most {MAX_FILE_BYTES} are read"


def _only_model(hub: Any, name: HubName) -> str:
    """Return the name of the only model file in a repository."""
    found = hub.HfApi().model_info(name.repository, revision=name.revision, timeout=PATIENCE)
    files = [one.rfilename for one in found.siblings or () if one.rfilename.endswith(".tflite")]
    if len(files) != 1:
        there = f"but {len(files)} files that end in .tflite" if files else "nor another .tflite"
        raise HubError(
            f"{name}: has no {MODEL_NAME}, {there}: a repository holds one model, which kws push "
            "puts there"
        )
    path = PurePosixPath(files[0])
    if path.is_absolute() or ".." in path.parts or "\\" in files[0]:
        raise HubError(f"{name}: {files[0]!r:.100} is not the name of a file in the repository")
    return str(files[0])


def _bounded(hub: Any, name: HubName) -> type:
    """Return a progress bar that ends a download once it is too large, whatever its header said."""

    class Bounded(hub.utils.tqdm):  # type: ignore[misc]
        """Counts what arrives."""

        taken = 0

        def update(self, count: float | None = 1) -> bool | None:
            self.taken += int(count or 0)
            if self.taken > MAX_FILE_BYTES:
                raise HubError(_too_large(name, self.taken))
            shown: bool | None = super().update(count)
            return shown

    return Bounded


def _cached(hub: Any, name: HubName) -> Path | None:
    """Return the file of a model that was fetched before; None if there is none."""
    with contextlib.suppress(*expected_errors(hub)):
        return Path(
            hub.hf_hub_download(
                name.repository, MODEL_NAME, revision=name.revision, local_files_only=True
            )
        )
    with contextlib.suppress(*expected_errors(hub)):
        folder = hub.snapshot_download(
            name.repository, revision=name.revision, local_files_only=True
        )
        files = list(Path(folder).rglob("*.tflite"))
        return files[0] if len(files) == 1 else None
    return None


def _read(name: HubName, path: Path) -> FetchedModel:
    """Read a file of the cache; a web page in place of a file does not stay there."""
    size = path.stat().st_size
    if size > MAX_FILE_BYTES:
        raise HubError(_too_large(name, size))
    content = path.read_bytes()
    commit = path.parts[len(path.parts) - 1 - path.parts[::-1].index("snapshots") + 1]
    is_page = content.lstrip()[:1] == b"<"
    if not is_page and not _is_whole(path, content):
        _forget(path)
        raise HubError(
            f"{name}: the file is not the one that the Hub named by its digest: it has been "
            "deleted from the cache; try again"
        )
    try:
        model = parse_model(content, str(name))
    except ModelError as error:
        # what else is no model of kws stays: other programs have the same cache
        if is_page:
            # else what a proxy sent would be taken for the file for ever
            _forget(path)
            raise ModelError(
                f"{name}: is a web page, not a model: check the network (a login page?), and the "
                "file in the repository"
            ) from None
        raise error from None
    return FetchedModel(model, content, commit, path)


def _is_whole(path: Path, content: bytes) -> bool:
    """Return whether a file of the cache has the digest that the Hub gave for it.

    The cache names a file by it: the SHA-256 of a large one, the digest of git for any other. Where
    it is named otherwise, as on a disk without links, nothing is known.
    """
    name = path.resolve().name
    if re.fullmatch("[0-9a-f]{64}", name):
        return hashlib.sha256(content).hexdigest() == name
    if re.fullmatch("[0-9a-f]{40}", name):
        blob = b"blob %d\0" % len(content) + content
        return hashlib.sha1(blob, usedforsecurity=False).hexdigest() == name
    return True


def _forget(path: Path) -> None:
    """Delete a file from the cache."""
    path.resolve().unlink(missing_ok=True)
    path.unlink(missing_ok=True)
