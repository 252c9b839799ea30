"""Work on several processes: the results of one, whatever becomes of the workers."""

import contextlib
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from kws.errors import KwsError
from kws_training.spreading.workers import Workers

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))  # workers are told where modules are by this list

import helpers_of_workers as tasks  # noqa: E402


def test_as_with_one_process(tmp_path):
    task = tasks.Noise(tmp_path)
    with Workers() as alone, Workers(2) as both:
        expected = list(alone.spread(task, range(30)))
        assert list(both.spread(task, range(30), 30, "noise")) == expected
        assert list(both.spread(task, iter(range(30)), at_once=7)) == expected
        assert list(both.spread(task, [])) == []
        assert list(both.spread(tasks.threads_of_arithmetic, range(2), at_once=2)) != []
        for threads in both.spread(tasks.threads_of_arithmetic, range(4)):
            assert set(threads) <= {1}


def test_a_worker_that_dies_is_replaced(tmp_path, capsys):
    alone = list(Workers().spread(tasks.Noise(tmp_path), range(20)))
    with Workers(2) as workers:
        deadly = tasks.Noise(tmp_path, (0, 9, 19))
        assert list(workers.spread(deadly, range(20), at_once=2)) == alone
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0", "19", "9"]
    assert "a worker died: another does its work" in capsys.readouterr().err


def test_work_that_kills_everyone_is_given_up():
    with Workers(2) as workers, pytest.raises(KwsError, match=r"workers died 5 times.*--jobs"):
        list(workers.spread(tasks.always_dies, range(3)))


def test_what_a_task_raises_comes_in_its_turn():
    with Workers(2) as workers:
        results = workers.spread(tasks.refuses_three, range(6))
        assert [next(results) for _ in range(3)] == [0, 1, 2]
        with pytest.raises(KwsError, match=r"three.wav: is damaged"):
            next(results)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nothing_is_left_running(how, tmp_path):
    """Ctrl-C goes to all processes; a kill to the one that started them."""
    program = (
        "import sys; from pathlib import Path\n"
        f"sys.path.insert(0, {str(HERE)!r})\n"
        "import helpers_of_workers as tasks\n"
        "from kws_training.spreading.workers import Workers\n"
        "if __name__ == '__main__':\n"
        "    with Workers(2) as workers:\n"
        f"        list(workers.spread(tasks.Sleep(Path({str(tmp_path)!r})), range(4)))\n"
    )
    script = tmp_path / "script.py"
    script.write_text(program)
    process = subprocess.Popen(
        [sys.executable, script], start_new_session=True, stderr=subprocess.DEVNULL
    )
    while len(began := list(tmp_path.glob("*.began"))) < 2:
        assert process.poll() is None
        time.sleep(0.05)
    if how == signal.SIGINT:
        os.killpg(process.pid, how)
    else:
        process.send_signal(how)
    assert process.wait() != 0
    for path in began:
        while is_running(int(path.stem)):  # pytest's own timeout ends a test that fails
            time.sleep(0.05)


def is_running(number: int) -> bool:
    """Tell whether a process is there, and not only its entry, which nobody has asked for yet."""
    try:
        return "Z" not in Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.slow
def test_twenty_deaths_change_no_byte(tmp_path):
    """A worker is killed from outside at twenty moments, whatever it is doing then."""
    task = tasks.Noise(tmp_path)
    expected = list(Workers().spread(task, range(4000)))
    results: list[bytes] = []
    kills = 0

    def kill() -> None:
        nonlocal kills
        draw = random.Random(0)
        while kills < 20:
            time.sleep(draw.uniform(0, 0.05))
            found = workers_of_this_process()
            if len(results) >= 150 * kills and found:  # something was done since the last one
                os.kill(draw.choice(found), signal.SIGKILL)
                kills += 1

    killer = threading.Thread(target=kill)
    with Workers(2) as workers:
        killer.start()
        for result in workers.spread(task, range(4000)):
            results.append(result)
            while kills < 20 and len(results) > 150 * (kills + 1):
                time.sleep(0.01)  # work is left until the last of them
    killer.join()
    assert kills == 20
    assert results == expected


def workers_of_this_process() -> list[int]:
    """Return the numbers of the processes that this one has started as workers."""
    found = []
    for thread in Path(f"/proc/{os.getpid()}/task").iterdir():
        for child in (thread / "children").read_text().split():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes():
                    found.append(int(child))
    return found


def test_who_says_a_text_changes_nothing():
    from kws_training.synthesis.engine import Style
    from kws_training.synthesis.utterances import Utterance, say_all

    engines = [tasks.Voice(), tasks.Voice()]
    said = [
        Utterance(text, engines[n % 2], "ab"[n % 2], Style(speed=1 + n / 10))
        for n, text in enumerate(("one", "three", "cannot", "eleven", "seventeen", "go"))
    ]
    alone = list(say_all(said))
    with Workers(2) as workers:
        both = list(say_all(said, workers))
    for one, other in zip(alone, both, strict=True):
        if isinstance(one, KwsError):
            assert str(one) == str(other)
        else:
            assert one.tobytes() == other.tobytes()


def test_engines_in_processes_are_started_elsewhere():
    import pickle

    from kws_training.synthesis.worker_process import Worker

    assert pickle.loads(pickle.dumps(Worker("pico"))).name == "pico"
