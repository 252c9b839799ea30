"""Where recordings come from, as their manifests say."""

from pathlib import Path

from kws_training.data.attribution import attribution
from kws_training.data.unlabelled import find_speech


def clips(folder: Path, header: str, *rows: str):
    folder.mkdir()
    for number in range(len(rows)):
        (folder / f"{number}.wav").touch()
    (folder / "manifest.csv").write_text("\n".join((header, *rows)) + "\n")
    return find_speech([folder])


def test_recordings_are_counted_by_source_and_licence(tmp_path):
    found = clips(
        tmp_path / "a",
        "path,Source,Licence",
        "0.wav,Hall of Anna,CC0",
        "1.wav,Hall of Anna,CC0",
        "2.wav,,CC BY 4.0",
    )
    found += clips(tmp_path / "b", "path,source,license", "0.wav,Hall of Anna,MIT")
    assert attribution(found) == [
        {"source": "Hall of Anna", "licence": "CC0", "recordings": 2},
        {"source": "Hall of Anna", "licence": "MIT", "recordings": 1},
        {"source": "not stated", "licence": "CC BY 4.0", "recordings": 1},
    ]


def test_without_a_manifest_nothing_is_stated(tmp_path):
    (tmp_path / "a.wav").touch()
    (one,) = attribution(find_speech([tmp_path]))
    assert one == {"source": "not stated", "licence": "not stated", "recordings": 1}
