"""Public data sets: from a server on this machine to the clips that training reads."""

import dataclasses
import hashlib
import io
import json
import os
import re
import subprocess
import sys
import tarfile
import threading

import pytest

from kws.cli.main import main
from kws_training.data import fetching
from kws_training.data.dataset import find_clips
from kws_training.data.fetching import FetchError, fetch_data
from kws_training.data.manifest import ManifestError
from kws_training.data.sources import SOURCES
from kws_training.data.splits import by_column, check_apart
from kws_training.data.unlabelled import find_background, find_recordings, find_speech
from kws_training.data.unpack import Bounds, UnpackError

from ..archives import LAYOUTS, WAV, site

__all__ = ["site"]

NAMES = [source.name for source in SOURCES]


def left(folder):
    """What is in a folder, without the locks."""
    return sorted(path.name for path in folder.iterdir() if path.suffix != ".lock")


def one_line(error) -> str:
    text = str(error.value)
    assert "\n" not in text
    return text


@pytest.mark.parametrize("name", NAMES)
def test_every_data_set_is_fetched(tmp_path, site, name):
    source = site.offer(name)
    folder = fetch_data(source, tmp_path / "data")
    assert folder == tmp_path / "data" / name
    assert left(tmp_path / "data") == [name]
    note = (folder / "SOURCE.txt").read_text()
    assert source.licence in note
    assert source.archive.mirrors[0] in note
    assert fetch_data(source, tmp_path / "data") == folder
    assert len(site.asked) == 1


def test_speech_commands_keeps_its_lists(tmp_path, site):
    folder = fetch_data(site.offer("speech-commands"), tmp_path)
    clips = find_clips([folder])
    parts = by_column(clips, "split")
    assert [len(part) for part in parts] == [1, 1, 2]
    assert {clip.word for clip in clips} == {"yes", "no"}
    assert [path.name for path in find_background([folder])] == ["pink_noise.wav"]
    test = fetch_data(site.offer("speech-commands-test"), tmp_path)
    assert {clip.label for clip in find_clips([test])} == {"yes", "_unknown_", "_silence_"}


def test_musan_is_its_noise_alone(tmp_path, site):
    folder = fetch_data(site.offer("musan"), tmp_path)
    assert len(find_recordings([folder])) == 2
    assert (folder / "README").is_file()
    assert (folder / "noise" / "free-sound" / "LICENSE").is_file()


def test_whole_musan_has_its_kinds(tmp_path, site):
    folder = fetch_data(site.offer("musan-whole"), tmp_path)
    assert (folder / "music" / "fma" / "LICENSE").is_file()
    clips = find_speech([folder / "speech", folder / "music"])
    assert [(c.columns["kind"], c.columns["origin"]) for c in clips] == [
        *[("speech", "us-gov")] * 3,
        *[("music", "fma")] * 3,
    ]
    assert len({clip.speaker for clip in clips}) == 6


def test_noise_is_moved_out_of_the_impulse_responses(tmp_path, site):
    folder = fetch_data(site.offer("rirs"), tmp_path)
    (response,) = find_recordings([folder / "real_rirs_isotropic_noises"])
    assert response.name == "RVB2014_type1_rir_largeroom1_far_angla.wav"
    assert len(find_recordings([folder / "isotropic_noises"])) == 1
    assert len(find_recordings([folder / "simulated_rirs"])) == 1


def test_esc_50_and_its_ten_easy_classes(tmp_path, site):
    folder = fetch_data(site.offer("esc-50"), tmp_path)
    clips = find_clips([folder / "manifest.csv"])
    assert [(c.word, c.speaker, c.columns["fold"]) for c in clips] == [
        ("dog", "100032", "1"),
        ("dog", "100032", "1"),
        ("chirping_birds", "100038", "2"),
    ]
    assert all(clip.path.is_file() for clip in clips)
    assert {clip.word for clip in find_clips([folder / "esc10.csv"])} == {"dog"}


def test_urbansound8k_has_its_folds(tmp_path, site):
    clips = find_clips([fetch_data(site.offer("urbansound8k"), tmp_path) / "manifest.csv"])
    assert [(c.word, c.speaker, c.columns["fold"], c.columns["salience"]) for c in clips] == [
        ("dog_bark", "100032", "5", "1"),
        ("children_playing", "100263", "10", "2"),
    ]
    assert all(clip.path.is_file() for clip in clips)


def test_librispeech_has_its_speakers(tmp_path, site):
    folder = fetch_data(site.offer("librispeech-test-clean"), tmp_path)
    assert len(find_recordings([folder])) == 2
    clips = find_clips([folder / "manifest.csv"])
    assert [(c.speaker, c.columns["sex"], c.columns["text"], c.label) for c in clips] == [
        ("121", "F", "", "_unknown_"),
        ("61", "M", "he began a confused complaint", "_unknown_"),
    ]
    check_apart({"a": clips[:1], "b": clips[1:]})


def test_goes_on_where_the_connection_broke(tmp_path, site):
    source = site.offer("musan", {"musan/noise/1.wav": os.urandom(300_000)})
    site.stops = [150_000]
    assert (fetch_data(source, tmp_path) / "noise" / "1.wav").stat().st_size == 300_000
    assert site.asked[0][1] is None
    assert re.fullmatch(r"bytes=1\d+-", site.asked[1][1])


def test_goes_on_in_the_next_run(tmp_path, site):
    source = site.offer("musan", {"musan/noise/1.wav": os.urandom(300_000)})
    site.stops = [150_000, 0]
    with pytest.raises(FetchError, match="broke off") as error:
        fetch_data(source, tmp_path)
    assert f"put it at {tmp_path / 'musan.tar.gz'}" in one_line(error)
    assert left(tmp_path) == ["musan.tar.gz.part"]
    fetch_data(source, tmp_path)
    assert site.asked[-1][1].startswith("bytes=")
    assert left(tmp_path) == ["musan"]


def test_wrong_digest_is_never_unpacked(tmp_path, site):
    source = site.offer("musan")
    wrong = dataclasses.replace(source.archive, sha256=None, md5="0" * 32)
    with pytest.raises(FetchError, match=r"wrong MD5"):
        fetch_data(dataclasses.replace(source, archive=wrong), tmp_path)
    assert left(tmp_path) == []


def test_an_archive_put_there_by_hand_needs_no_network(tmp_path, site):
    source = site.offer("musan")
    (tmp_path / "musan.tar.gz").write_bytes(site.files.pop("/musan.tar.gz"))
    assert (fetch_data(source, tmp_path) / "noise").is_dir()
    assert site.asked == []


def test_a_mirror_of_ones_own_comes_first(tmp_path, site, monkeypatch):
    source = site.offer("musan")
    site.files["/mine/musan.tar.gz"] = site.files["/musan.tar.gz"]
    monkeypatch.setenv(fetching.MIRROR, f"{site.url}/mine/")
    fetch_data(source, tmp_path / "a")
    assert [path for path, _ in site.asked] == ["/mine/musan.tar.gz"]
    site.files["/mine/musan.tar.gz"] = b"?" * source.archive.size  # and is not trusted more
    fetch_data(source, tmp_path / "b")
    assert [path for path, _ in site.asked][1:] == ["/mine/musan.tar.gz", "/musan.tar.gz"]
    monkeypatch.setenv(fetching.MIRROR, "ftp://mine")
    with pytest.raises(FetchError, match="must be an address"):
        fetch_data(source, tmp_path / "c")


def test_hostile_archives_leave_nothing(tmp_path, site):
    for members, reason in (
        ({"musan/noise/1.wav": WAV, "musan/../../evil": b"x"}, "would lie outside"),
        ({"musan/noise/zeros": b"\0" * 21_000_000}, "more than 20000000 bytes"),
        ({f"musan/noise/{n}": b"" for n in range(101)}, "more than 100 members"),
        ({"other/1.wav": WAV}, "holds nothing of musan"),
    ):
        with pytest.raises(UnpackError, match=reason) as error:
            fetch_data(site.offer("musan", members), tmp_path / "data")
        one_line(error)
        assert left(tmp_path / "data") == ["musan.tar.gz"]
        assert left(tmp_path) == ["data"]


def test_links_are_said(tmp_path, site, capsys):
    source = site.offer("musan")
    info = tarfile.TarInfo("musan/noise/link")
    info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        archive.addfile(info)
        one = tarfile.TarInfo("musan/noise/1.wav")
        one.size = len(WAV)
        archive.addfile(one, io.BytesIO(WAV))
    content = file.getvalue()
    site.files["/musan.tar.gz"] = content
    pinned = dataclasses.replace(
        source.archive, size=len(content), sha256=hashlib.sha256(content).hexdigest()
    )
    folder = fetch_data(dataclasses.replace(source, archive=pinned), tmp_path)
    assert left(folder / "noise") == ["1.wav"]
    assert "1 links and devices in the archive were left out" in capsys.readouterr().err


def test_lists_that_name_what_is_not_there(tmp_path, site):
    members = dict(LAYOUTS["esc-50"])
    members.popitem()
    with pytest.raises(ManifestError, match=r"esc50.csv: line 4: 'audio/2-100038-A-14.wav' is not"):
        fetch_data(site.offer("esc-50", members), tmp_path)
    listed = "UrbanSound8K/metadata/UrbanSound8K.csv"
    hostile = b"slice_file_name,fsID,salience,fold,class\n../../../x,1,1,5,a\n"
    with pytest.raises(ManifestError, match="is not in the archive"):
        fetch_data(site.offer("urbansound8k", {listed: hostile}), tmp_path)
    assert not (tmp_path / "esc-50").exists()


def test_no_room(tmp_path, site):
    source = dataclasses.replace(site.offer("musan"), bounds=Bounds(files=9, size=10**18))
    with pytest.raises(
        FetchError, match=r"1000000000\.0 GB are needed .* free: make room"
    ) as error:
        fetch_data(source, tmp_path)
    one_line(error)
    assert site.asked == []


def test_the_disk_becomes_full(tmp_path, site):
    # a file larger than the process may write stands in for it: Python gets the same OSError
    script = """
import errno, resource, sys
from kws.cli.main import main
from pathlib import Path
from kws_training.data.fetching import fetch_data
resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))
# the kernel says EFBIG here, as it says ENOSPC on a full disk
errno.ENOSPC = errno.EFBIG
from tests_table import SOURCE
fetch_data(SOURCE, Path(sys.argv[1]))
"""
    source = site.offer("musan", {"musan/noise/zeros": b"\0" * 900_000})
    result = run_with(source, tmp_path, script, tmp_path / "data")
    assert "the disk is full: make room and fetch again, the download is kept" in result.stderr
    assert left(tmp_path / "data") == ["musan.tar.gz"]


def test_what_is_in_the_way_is_not_touched(tmp_path, site):
    (tmp_path / "musan").mkdir()
    (tmp_path / "musan" / "mine.wav").write_bytes(b"mine")
    with pytest.raises(FetchError, match="is not what would be fetched: move it"):
        fetch_data(site.offer("musan"), tmp_path)
    assert left(tmp_path / "musan") == ["mine.wav"]


def test_what_a_killed_run_left_is_cleared(tmp_path, site):
    (tmp_path / ".musan.unpacking" / "noise").mkdir(parents=True)
    assert left(fetch_data(site.offer("musan"), tmp_path)) == ["README", "SOURCE.txt", "noise"]
    assert left(tmp_path) == ["musan"]


def test_two_at_once_fetch_once(tmp_path, site):
    source = site.offer("musan")
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(fetch_data(source, tmp_path))) for _ in "ab"
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [tmp_path / "musan"] * 2
    assert len(site.asked) == 1


def kws(*arguments, **options):
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        **options,
    )


def run_with(source, folder, script, *arguments):
    """Run Python with the entry of the table for it in the module ``tests_table``."""
    code = folder / "code"
    code.mkdir()
    archive = source.archive
    (code / "tests_table.py").write_text(f"""
import dataclasses
from kws_training.data import sources
SOURCE = next(one for one in sources.SOURCES if one.name == {source.name!r})
SOURCE = dataclasses.replace(
    SOURCE,
    archive=dataclasses.replace(
        SOURCE.archive, size={archive.size}, sha256={archive.sha256!r}, mirrors={archive.mirrors!r}
    ),
    bounds=dataclasses.replace(SOURCE.bounds, files=100, size=1_000_000),
)
""")
    (code / "run.py").write_text(script)
    return kws(code / "run.py", *arguments)


KWS = """
import sys
from kws_training.data import sources
from tests_table import SOURCE
sources.SOURCES = (SOURCE,)
from kws.cli import main as cli
from kws_training.cli.data import DATA
cli.find_verbs = lambda name: [DATA]
sys.exit(cli.main())
"""


def test_fetch_from_the_command_line(tmp_path, site):
    source = site.offer("librispeech-test-clean")
    data = tmp_path / "my data"
    arguments = ("data", "fetch", source.name, "--output", data)
    first = run_with(source, tmp_path, KWS, *arguments)
    assert first.returncode == 0, first.stderr
    assert first.stderr.splitlines() == [
        "LibriSpeech, test-clean: https://www.openslr.org/12/",
        "licence: CC BY 4.0",
        f"downloads {source.archive.size / 1e6:.1f} MB: some 1 min at 100 Mbit/s, 1 min at "
        "10 Mbit/s, and 1 min to unpack (estimates)",
    ]
    goal = data / source.name
    use = f"use it:  kws train --data recordings --negatives '{goal}' --output model.tflite"
    assert first.stdout.splitlines() == [f"{goal} is complete", use]
    again = kws(tmp_path / "code" / "run.py", *arguments)
    assert again.stdout.splitlines() == [f"{goal} is there already", use]
    assert again.stderr == ""
    assert len(site.asked) == 1


def test_errors_on_the_command_line(tmp_path, site):
    source = site.offer("musan")
    site.files.clear()
    result = run_with(source, tmp_path, KWS, "data", "fetch", "musan", "--output", tmp_path / "d")
    assert result.returncode == 2
    assert "HTTP 404" in result.stderr.splitlines()[-1]
    assert "Traceback" not in result.stderr


def test_wrong_arguments(capsys):
    for arguments in (["data"], ["data", "fetch"], ["data", "burn"], ["data", "list", "x"]):
        with pytest.raises(SystemExit, match="2"):
            main(arguments)
        assert capsys.readouterr().err.count("\n") == 1
    assert main(["data", "fetch", "muzan"]) == 2
    error = capsys.readouterr().err
    assert error == f"kws: muzan: no such data set: there are {', '.join(NAMES)}, and negatives\n"
    assert main(["data", "fetch", "muzan", "--debug"]) == 2
    assert "Traceback" in capsys.readouterr().err


def test_list(capsys):
    result = kws("-m", "kws", "data", "list")
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    for source in SOURCES:
        assert re.search(rf"^{source.name} +\d+\.\d [MG]B  ", result.stdout, re.MULTILINE)
        assert source.licence in result.stdout
    assert main(["data", "list", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)["sources"]
    assert [one["name"] for one in listed] == NAMES


def test_the_table():
    assert len(set(NAMES)) == len(NAMES) == len(LAYOUTS)
    for source in SOURCES:
        assert all(url.startswith("https://") for url in source.archive.mirrors)
        algorithm, digest = source.archive.digest
        assert re.fullmatch(r"[0-9a-f]{64}" if algorithm == "SHA-256" else r"[0-9a-f]{32}", digest)
        assert source.archive.size > 10**8
        assert source.licence
        assert source.next.startswith("kws ")
        assert "{folder}" in source.next
        assert source.archive.name.endswith((".tar.gz", ".zip"))
