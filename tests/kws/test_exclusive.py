"""Threads, and processes that are forked: one stream is one thread's at a time."""

from __future__ import annotations

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from kws import Detection, KeywordSpotter, KwsError, SpotterGroup
from kws.network import interpreter_class
from kws.packaged import packaged_model

from .conftest import Demo

CHUNK = 1280


def spotted(spotter: KeywordSpotter | SpotterGroup, samples: np.ndarray) -> list[Detection]:
    """Detections of a stream, from its beginning to its end."""
    found = []
    for start in range(0, len(samples), CHUNK):
        found += spotter.process(samples[start : start + CHUNK])
    return found + spotter.flush()


def opened(kind: str, threads: int = 1) -> KeywordSpotter | SpotterGroup:
    if kind == "spotter":
        return KeywordSpotter.default(threads=threads)
    return SpotterGroup([packaged_model("commands"), packaged_model("computer")], threads=threads)


def test_one_spotter_for_each_thread(demo: Demo) -> None:
    expected = spotted(KeywordSpotter.default(), demo.samples)
    assert len(expected) == 10
    with ThreadPoolExecutor(4) as pool:
        found = pool.map(lambda _: spotted(KeywordSpotter.default(), demo.samples), range(8))
    assert all(one == expected for one in found)


@pytest.mark.parametrize("kind", ["spotter", "group"])
def test_two_threads_at_once_are_refused_and_the_stream_goes_on(kind: str, demo: Demo) -> None:
    samples = np.tile(demo.samples, 4)
    spotter = opened(kind)
    expected = [*spotter.process(samples), *spotter.flush()]
    spotter.reset()
    found: list[Detection] = []
    thread = threading.Thread(target=lambda: found.extend(spotter.process(samples)))
    thread.start()
    refused = 0
    while thread.is_alive():
        try:
            spotter.process(np.zeros(0, np.float32))
        except KwsError as error:
            refused += 1
            assert "by two threads at once: give each thread one of its own" in str(error)
    thread.join()
    assert refused
    assert [*found, *spotter.flush()] == expected


def test_a_stream_may_go_from_thread_to_thread(demo: Demo) -> None:
    spotter = KeywordSpotter.default()
    expected = spotted(spotter, demo.samples)
    spotter.reset()
    found = []
    for start in range(0, len(demo.samples), CHUNK):
        with ThreadPoolExecutor(1) as pool:
            found += pool.submit(spotter.process, demo.samples[start : start + CHUNK]).result()
    assert found + spotter.flush() == expected


def test_a_chunk_that_is_refused_leaves_the_spotter_free(demo: Demo) -> None:
    spotter = KeywordSpotter.default()
    with pytest.raises(KwsError, match="finite"):
        spotter.process(np.full(CHUNK, np.nan, np.float32))
    assert spotted(spotter, demo.samples) == spotted(KeywordSpotter.default(), demo.samples)


# --- processes that are forked: each in a process of its own, that may crash ---

FORK = """
import gc, os, sys, threading
import numpy as np
from kws import KwsError
from kws.audio import load_audio
from tests.kws.test_exclusive import CHUNK, opened, spotted

kind, threads, recording = sys.argv[1], int(sys.argv[2]), sys.argv[3]
samples = load_audio(recording, 16000)

def in_child(what):
    sys.stdout.flush()
    pid = os.fork()
    if pid:
        return os.waitpid(pid, 0)[1]
    try:
        what()
    except KwsError as error:
        print(f"refused: {error}")
    sys.stdout.flush()
    sys.exit(0)  # with all that Python does at its end
"""
GOES_ON = """
half = len(samples) // 2 + 311
spotter = opened(kind, threads)
whole = spotted(spotter, samples)
spotter.reset()
found = spotter.process(samples[:half])
def rest():
    return found + spotter.process(samples[half:]) + spotter.flush()
status = in_child(lambda: print("child", rest() == whole))
print("parent", rest() == whole, status)
"""
DROPPED = """
spotter = opened(kind, threads)
def drop():
    global spotter
    del spotter
    gc.collect()
    print("dropped")
print(in_child(drop))
print(in_child(lambda: spotter.process(samples)))
print(len(spotted(spotter, samples)) > 0)
"""
AT_WORK = """
spotter = opened(kind, threads)
went, many = threading.Event(), np.tile(samples, 20)
def work():
    went.set()
    spotter.process(many)
thread = threading.Thread(target=work)
thread.start()
went.wait()
while True:  # until it is in the midst of its work
    try:
        spotter.process(samples[:0])
    except KwsError:
        break
print(in_child(lambda: spotter.process(samples)))
thread.join()
"""


def forked(script: str, kind: str, threads: int, demo_path: object) -> list[str]:
    command = [sys.executable, "-W", "ignore", "-c", FORK + script, kind, str(threads)]
    done = subprocess.run(
        [*command, str(demo_path)], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.parametrize("kind", ["spotter", "group"])
def test_a_stream_of_one_thread_goes_on_in_a_process_that_was_forked(
    kind: str, demo_path: object
) -> None:
    assert forked(GOES_ON, kind, 1, demo_path) == ["child True", "parent True 0"]


@pytest.mark.parametrize("kind", ["spotter", "group"])
def test_a_stream_of_several_threads_is_refused_there(kind: str, demo_path: object) -> None:
    dropped, ended, refused, ended_too, parent = forked(DROPPED, kind, 3, demo_path)
    assert (dropped, ended, ended_too, parent) == ("dropped", "0", "0", "True")
    assert refused.startswith("refused: a ")
    assert "of 3 threads was made before this process was forked" in refused


def test_a_stream_at_work_when_the_process_forks_is_refused_there(demo_path: object) -> None:
    refused, status = forked(AT_WORK, "spotter", 1, demo_path)
    assert "was at work in another thread when this process was forked" in refused
    assert status == "0"


def test_python_without_its_global_lock_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    # no interpreter can be installed for a free-threaded Python yet: what it would say is said
    monkeypatch.setattr(sys, "_is_gil_enabled", lambda: False, raising=False)
    with pytest.raises(KwsError, match="start it with PYTHON_GIL=1"):
        interpreter_class()
    monkeypatch.setattr(sys, "_is_gil_enabled", lambda: True)
    assert interpreter_class()
