"""Takes files of the repository into the documentation site, and turns links to them.

In the repository, pages link to files outside of ``docs`` by their path, as ``../CONTRIBUTING.md``.
On the site these files are pages or downloads: `PAGES` and `FILES` say under which name.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parents[1]
#: Markdown files of the repository that are pages of the site.
PAGES = {"CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md"}
#: Folders whose files are copied to the site as they are.
FILES = {"benchmarks/results": "results", "examples": "examples"}
_LINK = re.compile(r"(?<=\]\()(?:\.\./)+([\w./-]+)")


def on_files(files: Files, config: Any) -> Files:
    """Add the files of the repository to those of the site."""
    for source, target in PAGES.items():
        files.append(File.generated(config, target, content=(ROOT / source).read_text()))
    for source, target in FILES.items():
        for path in sorted((ROOT / source).iterdir()):
            if path.is_file():
                name = f"{target}/{path.name}"
                files.append(File.generated(config, name, content=path.read_bytes()))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Files) -> str:
    """Turn the links of a page to files of the repository into links of the site."""
    up = "../" * page.file.src_uri.count("/")

    def turned(match: re.Match[str]) -> str:
        path = match.group(1)
        if path in PAGES:
            return up + PAGES[path]
        for source, target in FILES.items():
            if path.startswith(f"{source}/"):
                return f"{up}{target}{path.removeprefix(source)}"
        return match.group(0)

    return _LINK.sub(turned, markdown)
