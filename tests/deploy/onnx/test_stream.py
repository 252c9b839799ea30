"""A whole model as ONNX: what is refused, and what the loops of docs/onnx.md detect with it."""

from __future__ import annotations

import contextlib
import http.server
import io
import json
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from kws import KeywordSpotter
from kws.audio import load_audio
from kws.metadata import SegmenterDefaults
from kws.micro_frontend import MicroConfig
from kws.packaged import packaged_model
from kws_deploy.onnx import stream
from kws_deploy.onnx.conversion import OnnxError
from kws_deploy.onnx.stream import TOLERANCE, StreamCheck, export_stream

from ...conftest import needs_program

onnx = pytest.importorskip("onnx", reason="needs the extra onnx")

ROOT = Path(__file__).resolve().parents[3]
DEMO = ROOT / "demo" / "synthesized_commands.wav"
PAGE = (ROOT / "docs" / "onnx.md").read_text()


def block(language: str) -> str:
    """The block of code in this language in docs/onnx.md."""
    (found,) = re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    return found


def test_models_of_other_kinds_are_refused(tmp_path: Path) -> None:
    model = packaged_model()
    metadata = model.metadata
    sounds = SegmenterDefaults(0.2, 0.5, 0.1, 0.1, metadata.detector.thresholds)
    for other, said in (
        (replace(metadata, detector=sounds), "detects sounds"),
        (replace(metadata, front_end=MicroConfig()), "front end of microWakeWord"),
    ):
        with pytest.raises(OnnxError, match=said) as caught:
            export_stream(replace(model, metadata=other), tmp_path / "a.onnx", [])
        assert "takes commands and trained wake words" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@dataclass(frozen=True)
class Exported:
    """An export of the model in the package.

    Attributes
    ----------
    path : Path
        The ONNX file.
    check : StreamCheck
        What the export compared.
    converted : onnx.ModelProto
        The network alone.
    """

    path: Path
    check: StreamCheck
    converted: object


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    pytest.importorskip("tf2onnx", reason="needs the extra onnx")
    path = tmp_path_factory.mktemp("onnx") / "model.onnx"
    samples = load_audio(DEMO, 16000)
    kept = []
    honest = stream.convert_network
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            stream, "convert_network", lambda model: kept.append(honest(model)) or kept[0]
        )
        check = export_stream(packaged_model(), path, [samples, samples[:50000], samples[:100]])
    return Exported(path, check, kept[0])


@pytest.fixture(scope="module")
def spotted() -> list[str]:
    """What the runtime detects in the demo."""
    return [one.keyword for one in KeywordSpotter.default().process(load_audio(DEMO, 16000))]


@pytest.mark.reach
def test_the_file_says_what_an_app_needs(exported: Exported) -> None:
    check = exported.check
    assert check.largest <= TOLERANCE / 100
    assert check.recordings == 2
    assert check.detections >= 9
    assert check.size == exported.path.stat().st_size < 600_000
    read = onnx.load(exported.path)
    onnx.checker.check_model(read, full_check=True)
    props = {prop.key: prop.value for prop in read.metadata_props}
    about = json.loads(check.description.read_text())
    assert json.loads(props["stream.json"]) == about
    assert about["labels"] == json.loads(props["kws.json"])["labels"]
    assert about["thresholds"] == packaged_model().metadata.detector.thresholds
    assert (about["step_samples"], about["lead_samples"], about["row_seconds"]) == (1280, 960, 0.08)
    shapes = {
        one.name: [dim.dim_value for dim in one.type.tensor_type.shape.dim]
        for one in (*read.graph.input, *read.graph.output)
    }
    state, rows = [about["state_size"]], [1, len(about["labels"])]
    assert shapes == {
        "samples": [1280],
        "state": state,
        "scores": rows,
        "detected": rows,
        "next_state": state,
    }


@pytest.mark.reach
def test_the_loop_in_python_detects_what_kws_does(
    exported: Exported, spotted: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(exported.path.parent)
    if not Path("demo").exists():
        Path("demo").symlink_to(ROOT / "demo")
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(block("py"), {})
    assert [line.split()[0] for line in printed.getvalue().splitlines()] == spotted
    assert len(spotted) == 10


@pytest.mark.reach
def test_the_example_detects_what_kws_does(exported: Exported, spotted: list[str]) -> None:
    command = [sys.executable, ROOT / "examples" / "onnx_stream.py", exported.path, DEMO]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert [line.split()[0] for line in done.stdout.splitlines()] == spotted


@pytest.mark.reach
def test_nothing_is_written_where_scores_or_detections_differ(
    exported: Exported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once another weight in the network, once other thresholds in the graph."""
    model, samples = packaged_model(), load_audio(DEMO, 16000)
    path = tmp_path / "a.onnx"
    honest = stream.add_decoding

    def other_thresholds(*arguments: object) -> None:
        (*before, defaults, seconds, exclusive) = arguments
        low = dict.fromkeys(defaults.thresholds, 0.1)
        honest(*before, replace(defaults, thresholds=low), seconds, exclusive)

    monkeypatch.setattr(stream, "convert_network", lambda _: exported.converted)
    monkeypatch.setattr(stream, "add_decoding", other_thresholds)
    with pytest.raises(OnnxError, match=r"onnxruntime makes \d+ detections and the runtime"):
        export_stream(model, path, [samples])
    monkeypatch.setattr(stream, "add_decoding", honest)

    damaged = onnx.ModelProto()
    damaged.CopyFrom(exported.converted)
    kernel = max(damaged.graph.initializer, key=lambda one: len(one.raw_data))
    kernel.raw_data = kernel.raw_data[:-400] + np.full(100, 0.5, np.float32).tobytes()
    monkeypatch.setattr(stream, "convert_network", lambda _: damaged)
    with pytest.raises(OnnxError, match=r"scores of onnxruntime differ by .* nothing was written"):
        export_stream(model, path, [samples])
    with pytest.raises(OnnxError, match="no recording is as long as a step"):
        export_stream(model, path, [samples[:100]])
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def onnxruntime_web() -> Path:
    """Folder of the files of onnxruntime-web, from npm, kept in build/."""
    npm = needs_program("npm", "apt-get install npm")
    folder = ROOT / "build" / "onnxruntime-web"
    files = folder / "node_modules" / "onnxruntime-web" / "dist"
    if not files.is_dir():
        options = ["--silent", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", folder]
        command = [npm, "install", *options, "onnxruntime-web@1"]
        if subprocess.run(command, check=False).returncode:
            pytest.skip("onnxruntime-web cannot be fetched: npm install onnxruntime-web")
    return files


@pytest.fixture
def site(tmp_path: Path) -> Iterator[tuple[str, list[str], threading.Event]]:
    """A server of files: its address, what a page posts to it, and when."""
    posted: list[str] = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        extensions_map = {  # noqa: RUF012  the base class has it so
            **http.server.SimpleHTTPRequestHandler.extensions_map,
            ".mjs": "text/javascript",
            ".wasm": "application/wasm",
        }

        def __init__(self, *arguments: object) -> None:
            super().__init__(*arguments, directory=str(tmp_path))

        def do_POST(self) -> None:
            posted.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
            self.send_response(204)
            self.end_headers()
            arrived.set()

        def log_message(self, *_: object) -> None:
            pass

    arrived = threading.Event()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", posted, arrived
        server.shutdown()


@pytest.mark.reach
def test_the_loop_in_javascript_detects_what_kws_does(
    exported: Exported, spotted: list[str], onnxruntime_web: Path, tmp_path: Path, site: tuple
) -> None:
    """In Chromium, with onnxruntime-web as it is."""
    chromium = needs_program("chromium", "apt-get install chromium")
    address, posted, arrived = site
    for path in (exported.path, exported.check.description, DEMO):
        shutil.copy(path, tmp_path)
    for name in ("ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm"):
        shutil.copy(onnxruntime_web / name, tmp_path)
    (tmp_path / "push.js").write_text(block("js"))
    (tmp_path / "index.html").write_text("""<script type="module">
const say = (text) => fetch("/", { method: "POST", body: text });
addEventListener("error", (event) => say("error: " + event.message));
addEventListener("unhandledrejection", (event) => say("error: " + event.reason));
const { push } = await import("./push.js");
const file = await (await fetch("synthesized_commands.wav")).arrayBuffer();
const pcm = new Int16Array(960 + (file.byteLength - 44) / 2);
pcm.set(new Int16Array(file, 44), 960);
const found = [];
for (let at = 0; at + 1280 <= pcm.length; at += 1280) {
  found.push(...(await push(pcm.slice(at, at + 1280))));
}
say(JSON.stringify(found));
</script>""")
    options = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}/profile"]
    browser = subprocess.Popen(
        [chromium, *options, "--remote-debugging-port=0", f"{address}/index.html"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        assert arrived.wait(60), "the page says nothing"
    finally:
        browser.terminate()
        browser.wait()
    assert posted == [json.dumps(spotted, separators=(",", ":"))]
