"""Take it: every button is pressed, and what comes is what runs elsewhere."""

from __future__ import annotations

import io
import json
import re
import shlex
import shutil
import subprocess
import sys
import urllib.parse
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kws.audio import read_recording
from kws.modelfile import ModelFile, read_model, write_model
from kws.pcm import to_int16
from kws_studio.plans import FORMS
from kws_studio.project import Project

from .chromium import chromium, fill_project, jobs_end, open_page, put_model, studio_process
from .conftest import DEMO, understood

pytestmark = [pytest.mark.reach, pytest.mark.timeout(900)]
#: Characters of a line of the page that says what went wrong, at most.
LONGEST_LINE = 300
HUB = Path(__file__).parents[1] / "kws" / "hub" / "hub_server.py"
TOKEN = "hf_right"


@pytest.fixture
def project(tmp_path: Path, spoken: Callable[[int], bytes]) -> Project:
    """A project with the packaged model of "computer", and recordings."""
    project = fill_project(tmp_path / "project", spoken)
    put_model(project)
    return project


@contextmanager
def take_page(project: Project, *options: str) -> Iterator[Any]:
    """The step Take it, in Chromium."""
    with (
        jobs_end(project.root),
        chromium() as browser,
        studio_process(project.root, *options) as address,
    ):
        page = open_page(browser, address)
        page.evaluate("location.hash = '#take'")
        page.wait_for_selector("section#take:visible")
        page.address = address
        yield page
        assert page.faults == []


def card(page: Any, name: str) -> Any:
    heading = page.get_by_role("heading", name=name, exact=True)
    return page.locator("#forms .card", has=heading)


def downloaded(page: Any, link: Any) -> tuple[str, bytes]:
    """Name and content of what a link gives."""
    with page.expect_download() as coming:
        link.click()
    return str(coming.value.suggested_filename), Path(coming.value.path()).read_bytes()


def command_of(page: Any, form: str) -> str:
    shown = card(page, form).locator("code.command")
    shown.wait_for()
    return str(shown.inner_text())


def make(page: Any, form: str, button: str = "Make it") -> None:
    """Press the button of a form, and wait until it is made."""
    card(page, form).get_by_role("button", name=f"{button}: {FORMS[form]}", exact=True).click()
    page.locator("#take-status", has_text=f"{FORMS[form]}: lies in").wait_for()
    assert page.locator("#toast").is_hidden()


def unpacked(page: Any, form: str, folder: Path, model: str = "computer") -> Path:
    """Download the ZIP of a form; gives the folder in it, unpacked."""
    link = card(page, form).get_by_role("link", name="Download (ZIP)")
    name, content = downloaded(page, link)
    assert name == f"{model}_{form}.zip"
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        assert {one.filename.partition("/")[0] for one in archive.infolist()} == {f"{model}_{form}"}
    folder.mkdir()
    path = folder / name
    path.write_bytes(content)
    unzip = shutil.which("unzip")
    if unzip is None:  # it keeps what may be run, which zipfile does not
        shutil.unpack_archive(path, folder)
    else:
        subprocess.run([unzip, "-t", path], check=True, stdout=subprocess.DEVNULL)
        subprocess.run([unzip, "-q", path, "-d", folder], check=True)
    return folder / f"{model}_{form}"


def names(folder: Path) -> set[str]:
    return {one.relative_to(folder).as_posix() for one in folder.rglob("*") if one.is_file()}


def test_the_model_is_downloaded_for_python_and_for_home_assistant(project: Project) -> None:
    path = project.root / "models" / "computer.tflite"
    with take_page(project) as page:
        for place, text, command in (
            ("Python", "Download the model", "kws listen --model models/computer.tflite"),
            (
                "Home Assistant",
                "Download the file for it",
                "kws serve --uri tcp://0.0.0.0:10400 --model models/computer.tflite",
            ),
        ):
            assert card(page, place).locator("code").inner_text() == command
            assert understood(command.split()[1:]).model
            name, content = downloaded(page, card(page, place).get_by_role("link", name=text))
            assert name == "computer.tflite"
            assert content == path.read_bytes()
            copy = project.root / "copy.tflite"
            copy.write_bytes(content)
            assert read_model(copy).metadata.keywords == ("computer",)


def printed(command: list[str | Path], spoken: bytes = b"") -> str:
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, input=spoken, timeout=120)
    return done.stdout.decode()


def spoken_samples() -> np.ndarray:
    return to_int16(read_recording(DEMO).samples, nearest=True)


def check_web(folder: Path, _: Project) -> None:
    assert {"index.html", "kws.js", "kws-worklet.js", "kws.wasm"} <= names(folder)
    assert (folder / "kws.wasm").read_bytes()[:4] == b"\0asm"


def check_c(folder: Path, _: Project) -> None:
    """It compiles, and hears the phrase."""
    compiler = shutil.which("gcc")
    if compiler is None:
        pytest.skip("no gcc: what was downloaded is not compiled")
    sources = [path for path in folder.glob("*.c") if path.name != "kws_model_data.c"]
    printed([compiler, "-O1", *sources, "-lm", "-o", folder / "program"])
    assert "computer" in printed([folder / "program"], spoken_samples().tobytes())


def check_library(folder: Path, _: Project) -> None:
    compiler = shutil.which("gcc")
    if compiler is None:
        pytest.skip("no gcc: what was downloaded is not compiled")
    assert {"README.txt", "CMakeLists.txt", "library.properties"} <= names(folder)
    sources = [*(folder / "src").glob("*.c"), folder / "examples" / "file" / "main.c"]
    include = f"-I{folder / 'src'}"
    printed([compiler, "-O1", include, *sources, "-lm", "-o", folder / "program"])
    assert "computer" in printed([folder / "program", DEMO])


def check_binary(folder: Path, _: Project) -> None:
    (name,) = names(folder)
    assert name == "computer-x86_64-linux"
    if sys.platform == "linux" and shutil.which("unzip"):
        assert "computer" in printed([folder / name, DEMO])


def check_onnx(folder: Path, _: Project) -> None:
    """It is run as docs/onnx.md says, and hears the phrase."""
    assert names(folder) == {"computer.onnx", "computer.onnx.json"}
    import onnxruntime

    about = json.loads((folder / "computer.onnx.json").read_text())
    session = onnxruntime.InferenceSession(folder / "computer.onnx")
    samples = np.pad(spoken_samples(), (about["lead_samples"], 0))
    state, found = np.zeros(about["state_size"], np.float32), 0
    step = about["step_samples"]
    for start in range(0, len(samples) - step + 1, step):
        inputs = {"samples": samples[start : start + step], "state": state}
        _, detected, state = session.run(None, inputs)
        found += int(detected.sum())
    assert about["labels"] == ["computer"]
    assert found == 1


CHECKS: dict[str, tuple[Callable[[Path, Project], None], tuple[str, ...]]] = {
    "web": (check_web, ("ziglang",)),
    "c": (check_c, ()),
    "binary": (check_binary, ("ziglang",)),
    "library": (check_library, ()),
    "onnx": (check_onnx, ("tf2onnx", "onnx", "onnxruntime")),
}


@pytest.mark.parametrize(
    "form",
    [pytest.param(one, marks=[pytest.mark.slow] if one == "onnx" else []) for one in CHECKS],
)
def test_a_form_is_made_downloaded_and_made_anew(
    project: Project, tmp_path: Path, form: str
) -> None:
    check, packages = CHECKS[form]
    for package in packages:
        pytest.importorskip(package, reason=f"no {package}: this form needs it")
    with take_page(project) as page:
        if form == "binary":
            machine = card(page, form).get_by_role("combobox", name="Machine")
            assert "Raspberry Pi" in machine.locator("option:checked").inner_text()
            machine.select_option("x86_64-linux")
            shown = card(page, form).locator("code", has_text="--target x86_64-linux")
            shown.wait_for()
        command = command_of(page, form)
        assert f"kws export models/computer.tflite --to {form} " in command
        assert card(page, form).get_by_role("link").count() == 0
        make(page, form)
        first = unpacked(page, form, tmp_path / "first")
        files = names(first)
        check(first, project)
        assert command_of(page, form) == command  # the machine is still the one that was chosen
        make(page, form, "Make it anew")
        second = unpacked(page, form, tmp_path / "second")
        assert names(second) == files
        check(second, project)
        jobs = sorted((project.root / "jobs").glob("0*/job.json"))
        ran = [json.loads(path.read_text()) for path in jobs]
        assert [job["state"] for job in ran] == ["done", "done"]
        assert f"kws {' '.join(ran[0]['arguments'])}" == command


def test_esphome_takes_a_model_of_its_own(
    project: Project, tmp_path: Path, micro_student: ModelFile
) -> None:
    path = project.root / "models" / "hey.tflite"
    write_model(path, micro_student.network, micro_student.metadata)
    with take_page(project) as page:
        page.select_option("#take-model", "computer.tflite")
        # what cannot be made has no button, but says how it can be
        other = card(page, "esphome")
        assert other.get_by_role("button").count() == 0
        arguments = shlex.split(command_of(page, "esphome"))[1:]
        assert arguments[:2] == ["distill", "models/computer.tflite"]
        assert understood(arguments).frontend == "micro"
        page.select_option("#take-model", "hey.tflite")
        assert page.locator("#forms button").count() == 1
        assert "The model that it learned from" in card(page, "Other places").inner_text()
        make(page, "esphome")
        folder = unpacked(page, "esphome", tmp_path / "first", "hey")
        words = {"hey_you.json", "hey_you.tflite", "stop_that.json", "stop_that.tflite"}
        assert names(folder) == words
        manifest = json.loads((folder / "hey_you.json").read_text())
        assert (manifest["wake_word"], manifest["model"]) == ("hey you", "hey_you.tflite")
        make(page, "esphome", "Make it anew")
        assert names(unpacked(page, "esphome", tmp_path / "second", "hey")) == words


def test_what_cannot_be_made_is_said_in_a_line(tmp_path: Path) -> None:
    project = Project(tmp_path / "project")
    project.change(phrase="computer")
    put_model(project)
    with take_page(project) as page:
        # no recording on which the file is checked
        card(page, "onnx").get_by_text("no recordings").wait_for()
        button = card(page, "onnx").get_by_role("button", name="Make it: ")
        assert button.is_disabled()
        # a command that fails: something else lies in its place
        (project.root / "exports" / "computer" / "c").mkdir(parents=True)
        (project.root / "exports" / "computer" / "c" / "mine.txt").write_text("x")
        card(page, "c").get_by_role("button").click()
        page.locator("#toast", has_text="holds 'mine.txt', which no export wrote").wait_for()
        assert "\n" not in page.inner_text("#toast")
        assert page.inner_text("#take-status") == ""
        # a recording makes the other one possible
        folder = project.shelf("learn")
        folder.mkdir(parents=True)
        shutil.copy(DEMO, folder / "a.wav")
        page.locator("#forms button:enabled[aria-label*='onnxruntime']").wait_for()


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The small Hub of `kws push`, which is the only one that the studio's commands see."""
    pytest.importorskip("huggingface_hub", reason="needs the extra hub: pip install '.[hub]'")
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    monkeypatch.setenv("HF_HUB_DISABLE_TELEMETRY", "1")
    with subprocess.Popen(
        [sys.executable, str(HUB)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        assert server.stdin is not None
        address = f"http://127.0.0.1:{int(server.stdout.readline())}"
        monkeypatch.setenv("HF_ENDPOINT", address)
        yield address
        server.stdin.close()
        server.wait(10)


def fetched(address: str, token: str | None) -> bytes:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    with urllib.request.urlopen(urllib.request.Request(address, headers=headers)) as answer:
        return bytes(answer.read())


def test_a_model_goes_to_the_hub_with_its_card(project: Project, hub: str, tmp_path: Path) -> None:
    with take_page(project) as page:
        page.select_option("#take-model", "computer.tflite")
        # no repository
        page.click("#push")
        page.locator("#toast", has_text="give ORG/NAME").wait_for()
        # nobody is logged in
        page.fill("#repository", "anna/hey-computer")
        page.click("#push")
        page.locator("#toast", has_text="hf auth login").wait_for()
        told = page.inner_text("#toast")
        assert told.startswith("anna/hey-computer: ")
        assert "\n" not in told
        assert len(told) <= LONGEST_LINE
        assert page.inner_text("#take-status") == ""
        # somebody logs in, in a terminal, while the studio runs
        (tmp_path / "hub").mkdir(exist_ok=True)
        (tmp_path / "hub" / "token").write_text(TOKEN)
        page.click("#push")
        page.locator("#take-status", has_text="It is on the Hub: anna/hey-computer.").wait_for()
        assert page.locator("#toast").is_hidden()
        file = f"{hub}/anna/hey-computer/resolve/main"
        content = (project.root / "models" / "computer.tflite").read_bytes()
        assert fetched(f"{file}/model.tflite", TOKEN) == content
        text = fetched(f"{file}/README.md", TOKEN).decode()
        assert re.search(r"^license: apache-2.0$", text, re.MULTILINE)
        assert "computer" in text
        # "for me alone" is ticked
        with pytest.raises(urllib.error.HTTPError):
            fetched(f"{file}/model.tflite", None)
        # and for all
        page.fill("#repository", "anna/for-all")
        page.uncheck("#private")
        page.click("#push")
        page.locator("#take-status", has_text="It is on the Hub: anna/for-all.").wait_for()
        assert fetched(f"{hub}/anna/for-all/resolve/main/model.tflite", None) == content


def modules_of(picture: bytes) -> np.ndarray:
    """The dark modules of a code on a picture of it, without the quiet around."""
    from PIL import Image

    dark = np.asarray(Image.open(io.BytesIO(picture)).convert("L")) < 128
    dark = dark[4:-4, 4:-4]  # a line of what is beside it may be on the picture
    rows, columns = np.flatnonzero(dark.any(1)), np.flatnonzero(dark.any(0))
    dark = dark[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    # the mark in the corner is seven modules wide, and its edge is dark
    size = round(len(dark) / (np.argmin(dark[0]) / 7))
    places = (np.arange(size) + 0.5) * len(dark) / size
    return np.asarray(dark[np.ix_(places.astype(int), places.astype(int))])


def test_a_phone_gets_the_address_by_its_code(project: Project) -> None:
    with take_page(project, "--host", "0.0.0.0") as page:
        assert "show it to nobody" in page.inner_text("#phone-about")
        page.click("#phone")
        page.wait_for_selector("#phone-qr img")
        picture = page.locator("#phone-qr img")
        address = picture.get_attribute("alt").removeprefix("Code of ")
        # what the terminal says, token and all
        assert address == page.address
        assert urllib.parse.parse_qs(urllib.parse.urlsplit(address).query)["token"]
        assert picture.evaluate("one => one.decode().then(() => one.naturalWidth)") > 100
        seen = modules_of(picture.screenshot())
        import segno

        code = segno.make(address, error="m", micro=False)
        assert np.array_equal(seen, np.array([list(row) for row in code.matrix], bool))
        # a phone knows nothing but the code
        phone = open_page(page.context.browser, address)
        assert phone.inner_text("#phrase-shown") == ": computer"
        stranger = page.context.browser.new_context().new_page()
        assert stranger.goto(address.partition("?")[0]).status == 401


def test_without_others_there_is_no_code(project: Project) -> None:
    with take_page(project) as page:
        assert page.locator("#phone").is_hidden()
        assert "--host 0.0.0.0" in page.inner_text("#phone-about")
