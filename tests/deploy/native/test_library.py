"""The C library: CMake builds it, C++ takes it, and it detects what Python detects."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from kws.errors import KwsError
from kws.packaged import packaged_model
from kws_deploy.native.library import export_library
from kws_deploy.native.stream import stream_files

from ...conftest import kws_here as kws
from ...conftest import needs_program

DEMO = Path(__file__).resolve().parents[3] / "demo" / "synthesized_commands.wav"
#: An app in C++: two spotters side by side, one of the heap and one of its own memory.
APP = """\
#include "kws.h"
#include "kws_resampler.h"
#include "kws_stream.h"
#include "kws_wav.h"

#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

static void heard(const kws_event *event, void *context)
{
    auto *lines = static_cast<std::vector<std::string> *>(context);
    lines->push_back(std::string(event->keyword) + " " + std::to_string(event->start) + " " +
                     std::to_string(event->score));
}

int main()
{
    static struct kws own;
    std::vector<std::string> all[2], again;
    std::vector<int16_t> samples;
    int16_t sample;
    kws *opened = kws_open();
    kws_reset(&own);
    while (std::fread(&sample, 2, 1, stdin) == 1) {
        samples.push_back(sample);
    }
    for (size_t at = 0; at < samples.size(); at += 777) {
        const size_t count = samples.size() - at < 777 ? samples.size() - at : 777;
        kws_process(opened, samples.data() + at, count, heard, &all[0]);
        kws_process(&own, samples.data() + at, count, heard, &all[1]);
    }
    kws_flush(opened, heard, &all[0]);
    kws_flush(&own, heard, &all[1]);
    kws_reset(opened);
    kws_process(opened, samples.data(), samples.size(), heard, &again);
    kws_flush(opened, nullptr, nullptr);
    kws_close(opened);
    kws_close(nullptr);
    for (const auto &line : all[0]) {
        std::puts(line.c_str());
    }
    for (int32_t n = 0; kws_keyword(n) != nullptr; n++) {
        std::fprintf(stderr, "%s\\n", kws_keyword(n));
    }
    return all[0] == all[1] && all[0] == again && kws_sample_rate() == 16000 ? 0 : 1;
}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The default model, exported."""
    path = tmp_path_factory.mktemp("library") / "kws"
    export_library(packaged_model(), path)
    return path


def test_the_folder_is_whole_and_is_replaced(folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "kws"
    shutil.copytree(folder, target)
    names = {path.relative_to(target).as_posix() for path in target.rglob("*") if path.is_file()}
    assert {"CMakeLists.txt", "library.properties", "library.json", "zephyr/module.yml"} < names
    assert {"src/kws.h", "src/kws.c", "src/kws_network.c", "examples/file/main.c"} < names
    assert {name.removeprefix("src/") for name in names if name.startswith("src/")} == (
        stream_files()
    )
    assert not {"src/main.c", "src/kws_model_data.c", "src/main_tflm.cc"} & names
    manifest = json.loads((target / "library.json").read_text())
    properties = dict(
        line.split("=", 1) for line in (target / "library.properties").read_text().splitlines()
    )
    assert manifest["name"] == properties["name"] == "kws"
    assert manifest["version"] == properties["version"]
    (target / "build").mkdir()
    (target / "build" / "libkws.a").write_bytes(b"")  # what was built of it may go
    done = kws("export", "commands", "--to", "library", "--output", target)
    assert done.returncode == 0, done.stderr
    assert "src/kws.h" in done.stdout
    sketch = target / "examples" / "Microphone" / "Microphone.ino"
    sketch.write_text(sketch.read_text() + "// mine\n")
    with pytest.raises(KwsError, match=r"Microphone\.ino: was changed"):
        export_library(packaged_model(), target)
    (target / "notes").write_text("mine")
    with pytest.raises(KwsError, match="notes"):
        export_library(packaged_model(), target)


def test_the_page_calls_what_there_is(folder: Path) -> None:
    """Each function that docs/c_library.md and the sketch call is declared."""
    declared = "".join(path.read_text() for path in (folder / "src").glob("*.h"))
    page = (DEMO.parents[1] / "docs" / "c_library.md").read_text()
    sketch = (folder / "examples" / "Microphone" / "Microphone.ino").read_text()
    for name in set(re.findall(r"\b(kws_\w+)\(", page + sketch)):
        assert f"{name}(" in declared, name


@pytest.mark.reach
def test_cmake_builds_it_and_cpp_uses_it(folder: Path, tmp_path: Path) -> None:
    cmake = needs_program("cmake", "apt-get install cmake")
    cpp = needs_program("g++", "apt-get install g++")
    build = tmp_path / "build"
    for arguments in (["-S", str(folder), "-B", str(build)], ["--build", str(build)]):
        done = subprocess.run([cmake, *arguments], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    done = subprocess.run([build / "kws-file", DEMO], capture_output=True, text=True, check=True)
    lines = [line.split("\t") for line in done.stdout.splitlines()]
    spotted = kws("spot", DEMO).stdout.splitlines()
    assert [[line[0], line[1], line[2], line[3]] for line in lines] == [
        [words[0], words[2], words[4], words[5]] for words in map(str.split, spotted)
    ]
    (tmp_path / "app.cc").write_text(APP)
    strict = ["-std=c++11", "-Wall", "-Wextra", "-Werror", "-pedantic"]
    paths = [str(tmp_path / "app.cc"), str(build / "libkws.a"), "-I", str(folder / "src")]
    app = tmp_path / "app"
    subprocess.run([cpp, *strict, *paths, "-lm", "-o", str(app)], check=True)
    done = subprocess.run([app], input=DEMO.read_bytes()[44:], capture_output=True, check=True)
    assert [line.split()[0].decode() for line in done.stdout.splitlines()] == [
        line[2] for line in lines
    ]
    assert sorted(done.stderr.decode().split()) == sorted(line[2] for line in lines)


@pytest.mark.reach
def test_a_microcontroller_compiler_takes_it(folder: Path, tmp_path: Path) -> None:
    """All of it as C99 for a Cortex-M4; the interface and the sketch's shape as C++."""
    gcc = needs_program("arm-none-eabi-gcc", "apt-get install gcc-arm-none-eabi")
    flags = ["-mcpu=cortex-m4", "-mthumb", "-Os", "-Wall", "-Wextra", "-Werror"]
    for source in sorted((folder / "src").glob("*.c")):
        command = [gcc, *flags, "-std=c99", "-c", str(source), "-o", str(tmp_path / "object.o")]
        subprocess.run(command, check=True)
