"""Archives, friendly and hostile."""

import gzip
import io
import tarfile
import zipfile
from pathlib import PurePosixPath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kws_training.data.unpack import Bounds, UnpackError, unpack, within

BOUNDS = Bounds(files=100, size=1_000_000)


def tar(path, *members):
    """Pack (name, contents) or ready TarInfo."""
    with tarfile.open(path, "w:gz") as archive:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                archive.addfile(member)
                continue
            info = tarfile.TarInfo(member[0])
            info.size = len(member[1])
            archive.addfile(info, io.BytesIO(member[1]))
    return path


def zipped(path, *members, **options):
    with zipfile.ZipFile(path, "w", **options) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return path


def special(name, kind, target=""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def zip_link(name):
    info = zipfile.ZipInfo(name)
    info.create_system = 3
    info.external_attr = 0o120777 << 16
    return info


def goal(tmp_path):
    folder = tmp_path / "goal"
    folder.mkdir(parents=True)
    return folder


def contents(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize("pack", [tar, zipped])
def test_contents(tmp_path, pack):
    name = "a.zip" if pack is zipped else "a.tar.gz"
    archive = pack(tmp_path / name, ("./top/yes/1.wav", b"one"), ("top/notes", b""), ("x", b"2"))
    folder = goal(tmp_path)
    pieces = []
    result = unpack(archive, folder, BOUNDS, progress=pieces.append)
    assert contents(folder) == {"top/yes/1.wav": b"one", "top/notes": b"", "x": b"2"}
    assert (result.files, result.size, result.links) == (3, 4, 0)
    assert sum(pieces) == 4


def test_only_what_is_wanted(tmp_path):
    archive = tar(
        tmp_path / "a.tgz",
        ("top/noise/1", b"1"),
        ("top/noises", b"2"),
        ("top/README", b"3"),
        ("topping/noise/4", b"4"),
        ("top/music/5", b"5"),
    )
    folder = goal(tmp_path)
    unpack(archive, folder, BOUNDS, root="top", keep=within(["noise", "README"]))
    assert contents(folder) == {"noise/1": b"1", "README": b"3"}
    with pytest.raises(UnpackError, match="holds nothing of other"):
        unpack(archive, goal(tmp_path / "goal"), BOUNDS, root="other")


@pytest.mark.parametrize(
    "name", ["/tmp/evil", "../evil", "a/../../evil", "a/..", "..", "C:\\evil", "a\\..\\b"]
)
@pytest.mark.parametrize("pack", [tar, zipped])
def test_members_that_would_lie_outside(tmp_path, pack, name):
    archive = pack(tmp_path / ("a.zip" if pack is zipped else "a.tar.gz"), (name, b"evil"))
    folder = goal(tmp_path)
    with pytest.raises(UnpackError, match="would lie outside the folder"):
        unpack(archive, folder, BOUNDS)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([archive.name, "goal"])
    assert contents(folder) == {}


def test_links_and_devices_are_left_out(tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    archive = tar(
        tmp_path / "a.tar.gz",
        special("way", tarfile.SYMTYPE, str(outside)),
        ("way/evil", b"evil"),  # through the link, if it were one
        special("hard", tarfile.LNKTYPE, "/etc/passwd"),
        special("null", tarfile.CHRTYPE),
        special("disk", tarfile.BLKTYPE),
        special("pipe", tarfile.FIFOTYPE),
    )
    folder = goal(tmp_path)
    result = unpack(archive, folder, BOUNDS)
    assert result.links == 5
    assert contents(folder) == {"way/evil": b"evil"}
    assert not (folder / "way").is_symlink()
    assert list(outside.iterdir()) == []


def test_links_in_a_zip_are_left_out(tmp_path):
    archive = zipped(tmp_path / "a.zip", (zip_link("way"), b"/etc"), ("way/evil", b"evil"))
    folder = goal(tmp_path)
    assert unpack(archive, folder, BOUNDS).links == 1
    assert contents(folder) == {"way/evil": b"evil"}


def test_permissions_are_those_of_any_new_file(tmp_path):
    info = special("run.sh", tarfile.REGTYPE)
    info.mode, info.uid = 0o6777, 0
    folder = goal(tmp_path)
    unpack(tar(tmp_path / "a.tar.gz", info), folder, BOUNDS)
    assert (folder / "run.sh").stat().st_mode & 0o7111 == 0


@pytest.mark.parametrize("pack", [tar, zipped])
def test_too_many_members_and_too_many_bytes(tmp_path, pack):
    name = "a.zip" if pack is zipped else "a.tar.gz"
    options = {"compression": zipfile.ZIP_DEFLATED} if pack is zipped else {}
    bomb = pack(tmp_path / name, ("zeros", b"\0" * 10_000_000), **options)
    assert bomb.stat().st_size < 20_000
    folder = goal(tmp_path)
    with pytest.raises(UnpackError, match="more than 1000000 bytes"):
        unpack(bomb, folder, BOUNDS)
    assert sum(map(len, contents(folder).values())) <= 1_000_000
    many = pack(tmp_path / name, *((f"{n}", b"") for n in range(101)))
    with pytest.raises(UnpackError, match="more than 100 members"):
        unpack(many, goal(folder), BOUNDS)


def test_a_zip_that_lies_about_its_sizes(tmp_path):
    archive = zipped(
        tmp_path / "a.zip", ("zeros", b"\0" * 10_000_000), compression=zipfile.ZIP_DEFLATED
    )
    size = (10_000_000).to_bytes(4, "little")
    archive.write_bytes(archive.read_bytes().replace(size, (5).to_bytes(4, "little")))
    folder = goal(tmp_path)
    with pytest.raises(UnpackError, match=r"damaged|more than"):
        unpack(archive, folder, BOUNDS)
    assert sum(map(len, contents(folder).values())) <= 1_000_000


def test_a_header_that_says_it_is_huge(tmp_path):
    info = tarfile.TarInfo("x")
    info.type, info.size = tarfile.XHDTYPE, 1 << 32
    archive = tmp_path / "a.tar.gz"
    with gzip.open(archive, "wb") as file:
        file.write(info.tobuf() + b"\0" * 10_000_000)
    with pytest.raises(UnpackError, match="a header of 4294967296 bytes"):
        unpack(archive, goal(tmp_path), BOUNDS)


@pytest.mark.parametrize("names", [("a", "a"), ("a", "a/b"), ("a/b", "a")])
@pytest.mark.parametrize("pack", [tar, zipped])
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_the_same_name_twice(tmp_path, pack, names):
    archive = pack(
        tmp_path / ("a.zip" if pack is zipped else "a.tar.gz"), *((name, b"x") for name in names)
    )
    with pytest.raises(UnpackError, match="comes twice"):
        unpack(archive, goal(tmp_path), BOUNDS)


def test_damaged_and_foreign_archives(tmp_path):
    whole = tar(tmp_path / "a.tar.gz", ("1", bytes(range(256)) * 400)).read_bytes()
    cut = tmp_path / "cut.tar.gz"
    cut.write_bytes(whole[: len(whole) // 2])
    for name, content in (
        ("x.tar.gz", b"<html>"),
        ("x.zip", b"<html>"),
        ("y.zip", b""),
        ("y.tar.gz", b"\x1f\x8b"),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(UnpackError, match="damaged"):
            unpack(tmp_path / name, goal(tmp_path / name.replace(".", "_")), BOUNDS)
    with pytest.raises(UnpackError, match="damaged"):
        unpack(cut, goal(tmp_path), BOUNDS)
    with pytest.raises(UnpackError, match=r"neither \.tar\.gz nor \.zip"):
        unpack(tmp_path / "a.rar", tmp_path, BOUNDS)


def test_members_without_a_name_of_too_long_a_name_or_in_bzip2(tmp_path):
    nameless = zipped(tmp_path / "a.zip", ("x", b"1"), ("y", b"2"))
    content = nameless.read_bytes().replace(b"x1", b"\x001").replace(b"x", b"\0")
    nameless.write_bytes(content)  # a name of zeros is none
    folder = goal(tmp_path / "1")
    unpack(nameless, folder, BOUNDS)
    assert contents(folder) == {"y": b"2"}
    long = zipped(tmp_path / "b.zip", ("a" * 300, b"1"))
    with pytest.raises(UnpackError, match="is too long a name"):
        unpack(long, goal(tmp_path / "2"), BOUNDS)
    bomb = zipped(tmp_path / "c.zip", ("a", bytes(10**6)), compression=zipfile.ZIP_BZIP2)
    with pytest.raises(UnpackError, match=r"damaged .*not compressed by Deflate"):
        unpack(bomb, goal(tmp_path / "3"), BOUNDS)


def test_a_member_that_lies_outside_of_the_archive(tmp_path):
    archive = zipped(tmp_path / "a.zip", ("x", b"1"))
    content = bytearray(archive.read_bytes())
    at = content.index(b"PK\x05\x06") + 16  # where the directory is said to begin
    content[at : at + 4] = (int.from_bytes(content[at : at + 4], "little") + 1000).to_bytes(
        4, "little"
    )
    archive.write_bytes(content)
    with pytest.raises(UnpackError, match="damaged"):
        unpack(archive, goal(tmp_path), BOUNDS)


def test_encrypted_zip(tmp_path):
    archive = zipped(tmp_path / "a.zip", ("x", b"secret"))
    content = bytearray(archive.read_bytes())
    content[6] |= 1  # the flag in the member's header, and in the directory
    content[content.index(b"PK\x01\x02") + 8] |= 1
    archive.write_bytes(content)
    with pytest.raises(UnpackError, match="encrypted"):
        unpack(archive, goal(tmp_path), BOUNDS)


names = st.text(st.sampled_from("ab./\\~"), min_size=1, max_size=8)


@settings(deadline=None, max_examples=60)
@given(st.lists(names, min_size=1, max_size=4))
def test_whatever_the_names_nothing_lies_outside(tmp_path_factory, names):
    place = tmp_path_factory.mktemp("place")
    archive = tar(place / "a.tar.gz", *((name, b"x") for name in names))
    folder = goal(place)
    try:
        result = unpack(archive, folder, BOUNDS)
        assert result.files == len(contents(folder))
    except UnpackError:
        assert (
            any(
                set(PurePosixPath(name).parts) & {"..", "/", "//"} or "\\" in name or "." in name
                for name in names
            )
            or len(names) > 1
        )
    assert sorted(path.name for path in place.iterdir()) == ["a.tar.gz", "goal"]
