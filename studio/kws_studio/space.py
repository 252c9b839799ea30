"""The studio as a Space of the Hugging Face Hub: a folder to push there."""

from __future__ import annotations

from pathlib import Path

from kws.errors import KwsError
from kws.files import whole_folder

#: The port that Spaces ask.
PORT = 7860
#: What an export of an earlier version wrote besides: it is replaced, too.
_EARLIER = ("packages.txt",)
#: Files of the folder; one that holds others is not replaced.
FILES = ("Dockerfile", "README.md", "app.py", "requirements.txt")

_APP = '''"""The studio of kws for the visitors of a Space: each has a project of its own."""

import asyncio
import os
import tempfile
from pathlib import Path

from kws.serving.addresses import Address
from kws_studio.service import StudioConfig, serve

PORT = int(os.environ.get("PORT", "7860"))

if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        address = Address("http", os.environ.get("HOST", "0.0.0.0"), PORT)
        asyncio.run(serve(StudioConfig(Path(folder), address, visitors=True)))
'''

_DOCKERFILE = f"""# The pages are kws's own, which no SDK of Spaces but docker serves.
FROM python:3.11-slim
RUN apt-get update \\
 && apt-get install -y --no-install-recommends espeak-ng \\
 && rm -rf /var/lib/apt/lists/*
# Spaces run as this user
RUN useradd --create-home --uid 1000 user
USER user
WORKDIR /home/user/app
COPY --chown=user requirements.txt .
RUN pip install --no-cache-dir --user -r requirements.txt
COPY --chown=user app.py .
EXPOSE {PORT}
CMD ["python", "app.py"]
"""

_README = f"""---
title: kws studio
emoji: 🎙
colorFrom: blue
colorTo: green
sdk: docker
app_port: {PORT}
pinned: false
license: apache-2.0
short_description: A wake word from five recordings, in the browser
---

# kws studio

Say a phrase five times, and a wake word of your own listens in this page. Recordings lie in a
folder of your visit alone and are deleted with it. Training for many voices, and exports for
devices, take a computer of your own:

    pip install "kws[studio]"
    kws studio
"""


def export_space(folder: Path, requirement: str) -> list[Path]:
    """Write the folder of a Space, all of it or nothing.

    Parameters
    ----------
    folder : Path
        Made, or replaced if it holds nothing but an earlier one.
    requirement : str
        Where the Space gets kws from, as pip takes it.

    Returns
    -------
    list of Path
        The files.

    Raises
    ------
    KwsError
        If the folder holds other files, or cannot be written.
    """
    if folder.exists() and not folder.is_dir():
        raise KwsError(f"{folder}: is no folder: give another --export-space")
    there = [one.name for one in folder.iterdir()] if folder.is_dir() else []
    foreign = sorted({*there} - {*FILES, *_EARLIER})
    if foreign:
        raise KwsError(f"{folder}: holds other files ({foreign[0]}): give a new folder")
    contents = {
        "Dockerfile": _DOCKERFILE,
        "app.py": _APP,
        "README.md": _README,
        "requirements.txt": f"{requirement}\naiohttp>=3.11\npillow>=11\nsegno>=1.6\n"
        "soundfile>=0.13\n",
    }
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with whole_folder(folder) as part:
            for name, text in contents.items():
                (part / name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise KwsError(f"{folder}: cannot be written ({error.strerror})") from None
    return [folder / name for name in sorted(contents)]
