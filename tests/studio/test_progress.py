"""How far a command is, in words."""

from dataclasses import replace

import pytest

from kws_studio.jobs import Job
from kws_studio.progress import STEPS_SHARE, tell


def job(state: str = "running", *arguments: str) -> Job:
    return Job(1, "good", "a good wake word", arguments or ("train",), state=state)  # type: ignore[arg-type]


def test_states_without_figures() -> None:
    assert tell(job("waiting"), "", None, 0).words.startswith("waits")
    assert tell(job("done"), "", None, 0).share == 1
    assert tell(job("failed"), "x\nkws: a.wav: is empty\n\n", None, 0).words == "a.wav: is empty"
    assert tell(job(), "", {"what": 3}, 0).share is None


def test_what_is_done_gives_what_is_left() -> None:
    told = tell(
        job("running", "synthesize"),
        "",
        {"what": "synthesis", "done": 25, "total": 100, "seconds": 10},
        0,
    )
    assert told.share == 0.25
    assert told.seconds_left == pytest.approx(30)
    assert "machines say" in told.words


def test_a_training_grows_over_rounds_and_networks() -> None:
    def share(log: str, what: str, done: int) -> float:
        progress = {"what": what, "done": done, "total": 100, "seconds": 5}
        found = tell(
            job("running", "train", "--steps", "400", "--ensemble", "2"), log, progress, 0
        ).share
        assert found is not None
        return found

    first, other = "network 1 of 2\n", "network 1 of 2\nnetwork 2 of 2\n"
    student = other + "a network that learns from the mean of 2\n"
    alone = job("running", "train", "--steps", "400", "--ensemble", "1")
    second = {"what": "round 2/4", "done": 0, "total": 100, "seconds": 0}
    told = tell(replace(alone, begun=100.0), "", second, 160.0)
    assert told.seconds_left == pytest.approx(180)  # 60 s for the first of four rounds
    # the first step, in which the network is compiled, says nothing of the others
    going = {"what": "round 1/4", "done": 11, "total": 100, "seconds": 35.0, "first": 30.0}
    told = tell(replace(alone, begun=100.0), "", going, 160.0)
    assert told.seconds_left == pytest.approx((400 - 11) * 0.5 / STEPS_SHARE)
    assert tell(alone, "", {**going, "done": 2}, 160.0).seconds_left is None
    shares = [
        share(first, "round 1/4", 10),
        share(first, "round 4/4", 90),
        share(other, "round 1/4", 10),
        share(other, "round 4/4", 90),
        share(student, "round 1/2", 10),
        share(student + "listening to the negatives as the device would\n", "negatives", 10),
    ]
    assert shares == sorted(shares)
    assert 0 < shares[0] < shares[-1] <= 1
