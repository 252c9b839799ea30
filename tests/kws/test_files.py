"""Files are written whole or not at all."""

import fcntl
import os
import stat
import threading
from pathlib import Path

import pytest

from kws.files import whole_file, whole_folder


def test_a_new_file_and_one_that_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "a"
    mask = os.umask(0o022)
    try:
        with whole_file(path) as file:
            file.write(b"one")
            assert not path.exists()
        assert stat.S_IMODE(path.stat().st_mode) == 0o644
        path.chmod(0o600)
        with whole_file(path) as file:
            file.write(b"two")
            assert path.read_bytes() == b"one"
    finally:
        os.umask(mask)
    assert path.read_bytes() == b"two"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600  # as it was
    assert list(tmp_path.iterdir()) == [path]


def test_what_fails_leaves_the_older_file(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"one")

    def stopped() -> None:
        with whole_file(path) as file:
            file.write(b"tw")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    assert path.read_bytes() == b"one"
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(OSError, match="nowhere"), whole_file(tmp_path / "nowhere" / "a"):
        pass


def test_a_link_is_followed_and_a_pipe_stays_one(tmp_path: Path) -> None:
    real, link, pipe = tmp_path / "real", tmp_path / "link", tmp_path / "pipe"
    real.write_bytes(b"one")
    link.symlink_to(real)
    with whole_file(link) as file:
        file.write(b"two")
    assert link.is_symlink()
    assert real.read_bytes() == b"two"
    os.mkfifo(pipe)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()), daemon=True)
    reader.start()
    with whole_file(pipe) as file:
        file.write(b"three")
    reader.join(10)
    assert read == [b"three"]
    assert pipe.is_fifo()


def test_what_a_killed_run_left_is_written_over(tmp_path: Path) -> None:
    path = tmp_path / "a"
    with whole_file(path) as file:
        part = next(tmp_path.glob(".kws-*.part"))
        file.write(b"one")
    part.write_bytes(b"half of something longer")
    with whole_file(path) as file:
        file.write(b"two")
        with whole_file(path) as other:  # at once: a part of its own
            other.write(b"three")
        assert path.read_bytes() == b"three"
    assert path.read_bytes() == b"two"
    assert list(tmp_path.iterdir()) == [path]


def test_a_part_that_another_run_has_just_put_in_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a"
    lock = fcntl.flock

    def finish_first(handle: int, how: int) -> None:
        next(tmp_path.glob(".kws-*.part")).rename(path)
        lock(handle, how)

    before = sorted(Path("/dev/fd").iterdir())
    with monkeypatch.context() as patched:
        patched.setattr(fcntl, "flock", finish_first)
        with whole_file(path) as file:
            file.write(b"two")
    assert path.read_bytes() == b"two"
    assert list(tmp_path.iterdir()) == [path]
    assert sorted(Path("/dev/fd").iterdir()) == before


def test_a_folder_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    folder = tmp_path / "report"
    mask = os.umask(0o022)
    try:
        with whole_folder(folder) as part:
            (part / "a").write_bytes(b"one")
            assert not folder.exists()
    finally:
        os.umask(mask)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o755
    (part / "inside").mkdir(parents=True)  # of a run that was killed
    (part / "inside" / "a").write_bytes(b"half")
    with whole_folder(folder) as part:
        assert not list(part.iterdir())
        (part / "b").write_bytes(b"two")
        assert (folder / "a").read_bytes() == b"one"
    assert [path.name for path in folder.iterdir()] == ["b"]

    def stopped() -> None:
        with whole_folder(folder) as part:
            (part / "b").write_bytes(b"thr")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    assert (folder / "b").read_bytes() == b"two"
    assert list(tmp_path.iterdir()) == [folder]
    with pytest.raises(OSError, match="nowhere"), whole_folder(tmp_path / "nowhere" / "a"):
        pass
