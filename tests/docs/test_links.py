"""Links and paths in the project's pages lead somewhere, and every page is on the site."""

import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(
    [*ROOT.glob("*.md"), *DOCS.rglob("*.md"), *ROOT.glob("*/README.md"), *ROOT.glob("kws/*/*.md")]
)
#: Folders whose files pages name by their path.
FOLDERS = "kws|training|deploy|studio|benchmarks|examples|docs|tests|demo|scripts"
#: Packages, and where their sources are.
SOURCES = {"kws": ".", "kws_training": "training", "kws_deploy": "deploy", "kws_studio": "studio"}


def name(page):
    return str(page.relative_to(ROOT))


def prose(page):
    """Return a page without its code blocks."""
    return re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)


def anchors(page):
    """Return the anchors of a page's headings, as GitHub and the site make them."""
    found = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in found}


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page):
    targets = re.findall(r"\]\(([^)]+)\)|(?:src|srcset)=\"([^\"]+)\"", prose(page))
    for target in (one or other for one, other in targets):
        if target.startswith(("http://", "https://")):
            continue
        path, _, anchor = target.partition("#")
        goal = page if not path else (page.parent / path).resolve()
        assert goal.exists(), target
        # the reference's are made from docstrings: mkdocs checks those
        known = not anchor or goal.parent.name == "reference"
        assert known or anchor in anchors(goal), target


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_named_paths_exist(page):
    for path in re.findall(rf"`((?:{FOLDERS})/[\w/.-]+)`", prose(page)):
        assert (ROOT / path).exists(), path
    for path in re.findall(r"`((?:kws_training|kws_deploy)/[\w/.-]+)`", prose(page)):
        assert (ROOT / SOURCES[path.split("/")[0]] / path).exists(), path


def test_every_page_is_in_the_navigation():
    listed = set(re.findall(r"[\w/]+\.md\b", (ROOT / "mkdocs.yml").read_text().split("nav:")[-1]))
    spec = importlib.util.spec_from_file_location("hooks", DOCS / "hooks.py")
    taken = re.search(r"^PAGES = (\{.*\})$", Path(spec.origin).read_text(), re.MULTILINE)
    there = {str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md")}
    assert listed == there | set(re.findall(r': "([\w/]+\.md)"', taken.group(1)))


def test_the_reference_names_modules_that_exist():
    found = [
        target
        for page in (DOCS / "reference").glob("*.md")
        for target in re.findall(r"^::: ([\w.]+)$", page.read_text(), re.MULTILINE)
    ]
    assert len(found) > 30
    for target in found:
        package, *rest = target.split(".")
        folder = ROOT / SOURCES[package] / package
        module = folder.joinpath(*rest)
        exported = f'"{rest[-1]}"' in (folder / "__init__.py").read_text()
        assert exported or module.is_dir() or module.with_suffix(".py").exists(), target


def test_the_two_pictures_of_the_data_flow_differ_in_colours_alone():
    light, dark = ((DOCS / "images" / f"data_flow_{n}.svg").read_text() for n in ("light", "dark"))
    colour = re.compile(r"#[0-9a-f]{6}\b")
    assert light != dark
    assert colour.sub("", light) == colour.sub("", dark)
