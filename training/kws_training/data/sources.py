"""The public data sets that `kws data` fetches: where they are, their digests, licences and use.

Sizes and digests were not computed here: each is pinned by the source that the comment names.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from . import prepare
from .download import Download
from .unpack import Bounds

#: Bytes in a gigabyte.
GB = 10**9
#: The keywords of the ten commands, as the command line takes them.
COMMANDS = "yes,no,up,down,left,right,on,off,stop,go"


@dataclass(frozen=True)
class Source:
    """One data set.

    Attributes
    ----------
    name : str
        What it is called on the command line, and the name of its folder.
    title : str
        What it is.
    purpose : str
        What it is for here.
    page : str
        Where to read about it.
    licence : str
        Shown before the download.
    archive : Download
        The download.
    bounds : Bounds
        What the archive may unpack to; more than it does, for those sizes are not published.
    next : str
        Command that uses it, with ``{folder}`` where the data set is.
    root : str
        Folder in the archive that becomes the data set's folder.
    keep : tuple of str
        Files and folders in it that are unpacked; all if empty.
    prepare : callable, optional
        Writes what the readers need beside the recordings, given the folder.
    """

    name: str
    title: str
    purpose: str
    page: str
    licence: str
    archive: Download
    bounds: Bounds
    next: str
    root: str = ""
    keep: tuple[str, ...] = ()
    prepare: Callable[[Path], None] | None = None


def _openslr(number: int, name: str) -> tuple[str, ...]:
    hosts = ("www.openslr.org", "us.openslr.org", "openslr.elda.org")
    return tuple(f"https://{host}/resources/{number}/{name}" for host in hosts)


def _tensorflow(name: str) -> tuple[str, ...]:
    return (
        f"https://storage.googleapis.com/download.tensorflow.org/data/{name}",
        f"https://download.tensorflow.org/data/{name}",
    )


MUSAN_LICENCE = "CC BY 4.0; each recording's own is in the LICENSE files"

# MD5: wenet-e2e/wespeaker, examples/voxceleb/v2/local/download_data.sh, and
# PaddlePaddle/PaddleSpeech, dataset/musan/musan.py; the size is what three public scripts beside
# the same MD5 say. No SHA-256 is published.
MUSAN = Download(
    name="musan.tar.gz",
    size=11_086_114_085,
    sha256=None,
    md5="0c472d4fc0c5141eca47ad1ffeb2a7df",
    mirrors=_openslr(17, "musan.tar.gz"),
)


def _librispeech(name: str, purpose: str, size: int, sha256: str, bounds: Bounds) -> Source:
    archive = f"{name}.tar.gz"
    return Source(
        name=f"librispeech-{name}",
        title=f"LibriSpeech, {name}",
        purpose=purpose,
        page="https://www.openslr.org/12/",
        licence="CC BY 4.0",
        archive=Download(archive, size, sha256, _openslr(12, archive)),
        bounds=bounds,
        next="kws train --data recordings --negatives {folder} --output model.tflite",
        root="LibriSpeech",
        prepare=prepare.librispeech,
    )


#: The last commit of ESC-50's repository, as of November 2025.
ESC_50_COMMIT = "33c8ce9eb2cf0b1c2f8bcf322eb349b6be34dbb6"

SOURCES = (
    Source(
        name="speech-commands",
        title="Speech Commands v0.02",
        purpose="35 English words by 2,618 speakers; training, validation and test lists",
        page="https://arxiv.org/abs/1804.03209",
        licence="CC BY 4.0 (Google)",
        # size and SHA-256: tensorflow/datasets, tensorflow_datasets/url_checksums/
        # speech_commands.txt; torchaudio pins the same (datasets/speechcommands.py)
        archive=Download(
            name="speech_commands_v0.02.tar.gz",
            size=2_428_923_189,
            sha256="af14739ee7dc311471de98f5f9d2c9191b18aedfe957f4a6ff791c709868ff58",
            mirrors=_tensorflow("speech_commands_v0.02.tar.gz"),
        ),
        # 105,829 clips of a second or less, 32 kB each
        bounds=Bounds(files=120_000, size=4 * GB),
        next=f"kws train --data {{folder}} --keywords {COMMANDS} --split split "
        "--output model.tflite",
    ),
    Source(
        name="speech-commands-test",
        title="Speech Commands v0.02, test set in 12 classes",
        purpose="judge ten commands by the official protocol: 4,890 clips",
        page="https://arxiv.org/abs/1804.03209",
        licence="CC BY 4.0 (Google)",
        # size and SHA-256: the same file of tensorflow/datasets
        archive=Download(
            name="speech_commands_test_set_v0.02.tar.gz",
            size=112_563_277,
            sha256="cc2a00c1147c2254e9be3fa0f779d8c17421dc349b86366567a8edfa9acd51df",
            mirrors=_tensorflow("speech_commands_test_set_v0.02.tar.gz"),
        ),
        bounds=Bounds(files=6_000, size=GB // 4),
        next="kws evaluate model.tflite --data {folder}",
    ),
    Source(
        name="musan",
        title="MUSAN, its noise (music and speech are not unpacked)",
        purpose="background noise: 930 recordings, 6 hours",
        page="https://www.openslr.org/17/",
        licence=MUSAN_LICENCE,
        archive=MUSAN,
        bounds=Bounds(files=10_000, size=2 * GB),
        next="kws train --data recordings --noise {folder} --output model.tflite",
        root="musan",
        keep=("noise", "README"),
    ),
    Source(
        name="musan-whole",
        title="MUSAN: music, speech and noise",
        purpose="60 hours of speech in twelve languages, 42 of music, 6 of noise: negatives",
        page="https://www.openslr.org/17/",
        licence=MUSAN_LICENCE,
        archive=MUSAN,
        # 109 hours at 16 kHz and 16 bit are 12.6 GB
        bounds=Bounds(files=10_000, size=15 * GB),
        next="kws train --wake-word 'hey device' --negatives {folder}/speech {folder}/music "
        "--noise {folder}/noise --output model.tflite",
        root="musan",
        prepare=prepare.musan,
    ),
    Source(
        name="rirs",
        title="Room Impulse Response and Noise Database (OpenSLR 28)",
        purpose="impulse responses of real and simulated rooms, for augmentation",
        page="https://www.openslr.org/28/",
        licence="Apache-2.0",
        # MD5: wenet-e2e/wespeaker, examples/voxceleb/v2/local/download_data.sh, as OpenSLR's own
        # checksum.md5 says (e6f48e257286e05de56413b4779d8ffb). The size and the SHA-256 are what
        # three public projects found in a file of that MD5.
        archive=Download(
            name="rirs_noises.zip",
            size=1_311_166_223,
            sha256="3b50cfde915b3984738169b4beb341e9f6b8062ae4c2076146c5db71c2c05dc7",
            md5="e6f48e257286e05de56413b4779d8ffb",
            mirrors=_openslr(28, "rirs_noises.zip"),
        ),
        # 61,260 WAV files
        bounds=Bounds(files=100_000, size=6 * GB),
        next="kws augment your.wav --rooms {folder}/real_rirs_isotropic_noises --output examples",
        root="RIRS_NOISES",
        prepare=prepare.rirs,
    ),
    Source(
        name="esc-50",
        title="ESC-50: environmental sounds",
        purpose="50 sounds in five folds, 2,000 clips of 5 s; esc10.csv is its ten-class part",
        page="https://github.com/karolpiczak/ESC-50",
        licence="CC BY-NC 3.0: not for commercial use; the clips of esc10.csv are CC BY 3.0",
        # GitHub packs this archive when it is asked for, and does not promise the same bytes for
        # ever: public projects pin different MD5s for this very commit. Size and SHA-256 are what
        # two of them, independent of each other, found. soundata pins an archive of the branch
        # (MD5 7771e4b9d86d0945acce719c7a59305a), which changes with the branch.
        archive=Download(
            name="esc-50.zip",
            size=645_832_161,
            sha256="661183a6f53ef04f12c9bd618fed0ddc1713280d6c94a5a5431e844ba6f6a21f",
            mirrors=(f"https://github.com/karolpiczak/ESC-50/archive/{ESC_50_COMMIT}.zip",),
        ),
        bounds=Bounds(files=3_000, size=3 * GB // 2),
        next="kws train --task sounds --data {folder}/manifest.csv --fold-column fold "
        "--output sounds.tflite",
        root=f"ESC-50-{ESC_50_COMMIT}",
        prepare=prepare.esc_50,
    ),
    Source(
        name="urbansound8k",
        title="UrbanSound8K",
        purpose="10 sounds of the city in ten folds, 8,732 clips of up to 4 s",
        page="https://urbansounddataset.weebly.com/urbansound8k.html",
        licence="CC BY-NC 4.0 (Zenodo; the file's own README says 3.0): not for commercial use",
        # MD5: soundata/soundata, soundata/datasets/urbansound8k.py, as Zenodo's record 1203745
        # says; the size is what three public scripts say beside the same MD5
        archive=Download(
            name="UrbanSound8K.tar.gz",
            size=6_023_741_708,
            sha256=None,
            md5="9aa69802bbf37fb986f71ec1483a196e",
            mirrors=(
                "https://zenodo.org/records/1203745/files/UrbanSound8K.tar.gz?download=1",
                "https://zenodo.org/record/1203745/files/UrbanSound8K.tar.gz?download=1",
            ),
        ),
        bounds=Bounds(files=20_000, size=10 * GB),
        next="kws train --task sounds --data {folder}/manifest.csv --fold-column fold "
        "--output sounds.tflite",
        root="UrbanSound8K",
        prepare=prepare.urbansound8k,
    ),
    # sizes and SHA-256: tensorflow/datasets, tensorflow_datasets/url_checksums/librispeech.txt;
    # torchaudio pins the same (torchaudio/datasets/librispeech.py)
    _librispeech(
        "test-clean",
        "5.4 hours of read speech without keywords: what must not fire a model",
        346_663_984,
        "39fde525e59672dc6d1551919b1478f724438a95aa55f874b576be21967e6c23",
        Bounds(files=5_000, size=GB // 2),
    ),
    _librispeech(
        "dev-clean",
        "5.4 hours of read speech by 40 other people: negatives to train on",
        337_926_286,
        "76f87d090650617fca0cac8f88b9416e0ebf80350acb97b343a85fa903728ab3",
        Bounds(files=5_000, size=GB // 2),
    ),
    _librispeech(
        "train-clean-100",
        "100.6 hours of read speech by 251 people: negatives to train on",
        6_387_309_499,
        "d4ddd1d5a6ab303066f14971d768ee43278a5f2a0aa43dc716b0e64ecbbbf6e2",
        Bounds(files=40_000, size=8 * GB),
    ),
)


@dataclass(frozen=True)
class Part:
    """What a mix of negatives takes from a data set.

    Attributes
    ----------
    name : str
        As ``--mix`` takes it.
    source : str
        The data set's name.
    inside : str
        Folder in it; all if empty.
    kind : str
        Folder of the mix that it goes into: kinds are judged one by one.
    hours : float or None
        Published length; None for data sets that users bring.
    """

    name: str
    source: str
    inside: str
    kind: str
    hours: float | None


#: What a mix can be made of. Hours: of LibriSpeech its paper (Panayotov et al., 2015), of MUSAN
#: arXiv 1510.08484.
PARTS = (
    Part("librispeech-dev-clean", "librispeech-dev-clean", "", "read", 5.4),
    Part("librispeech-train-clean-100", "librispeech-train-clean-100", "", "read", 100.6),
    Part("musan-speech", "musan-whole", "speech", "speech", 60.4),
    Part("musan-music", "musan-whole", "music", "music", 42.5),
    Part("musan-noise", "musan-whole", "noise", "noise", 6.0),
    Part("common-voice", "common-voice", "", "community", None),
)
#: The mix that is fetched where nobody says another: hours of each part.
MIX = {"librispeech-dev-clean": 5.0, "musan-speech": 20.0, "musan-music": 10.0, "musan-noise": 5.0}
