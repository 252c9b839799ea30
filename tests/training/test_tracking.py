"""What TensorBoard and MLflow are told of a training."""

import pytest

from kws.errors import KwsError
from kws_training import tracking
from kws_training.tracking import Tracker, flat

SETTINGS = {"seed": 3, "recipe": {"width": 96}, "folders": ["a b", "c"]}
FIGURES = {"points": [{"miss_rate": 0.25, "keyword": "hey"}], "fine": True, "none": None}


def test_nobody_is_told_unless_asked(monkeypatch):
    for name in tracking.MLFLOW:
        monkeypatch.delenv(name, raising=False)
    with Tracker(None, "run") as tracker:
        tracker.track("loss", 0, 1.0)
        tracker.tell(SETTINGS, FIGURES)


def test_paths_of_values():
    assert dict(flat(SETTINGS)) == {
        "seed": 3,
        "recipe/width": 96,
        "folders/0": "a b",
        "folders/1": "c",
    }
    assert list(flat({"a:b?": 1})) == [("a_b_", 1)]


def test_tensorboard_that_is_missing(monkeypatch, tmp_path):
    import sys

    monkeypatch.setitem(sys.modules, "tensorboard", None)
    with pytest.raises(KwsError, match="--tensorboard: pip install tensorboard"):
        Tracker(tmp_path, "run")


@pytest.mark.slow
def test_tensorboard_reads_what_was_told(tmp_path, monkeypatch):
    event_accumulator = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator",
        reason="no TensorBoard: pip install tensorboard",
    )
    for name in tracking.MLFLOW:
        monkeypatch.delenv(name, raising=False)
    with Tracker(tmp_path, "hey_device") as tracker:
        for step in range(3):
            tracker.track("network 1/loss", step, 1.0 / (step + 1))
        tracker.tell(SETTINGS, FIGURES)
    found = event_accumulator.EventAccumulator(str(tmp_path / "hey_device"))
    found.Reload()
    (text,) = found.Tensors("settings")
    assert "recipe/width | 96" in text.tensor_proto.string_val[0].decode()
    assert {"network 1/loss", "points/0/miss_rate"} <= set(found.Tags()["tensors"])
    assert [one.step for one in found.Tensors("network 1/loss")] == [0, 1, 2]


@pytest.mark.slow
def test_mlflow_keeps_what_was_told(tmp_path, monkeypatch):
    mlflow = pytest.importorskip("mlflow", reason="no MLflow: pip install mlflow-skinny")
    for name in tracking.MLFLOW:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"file:{tmp_path}/runs")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    mlflow.set_tracking_uri(f"file:{tmp_path}/runs")
    with Tracker(None, "hey_device") as tracker:
        tracker.track("network 1/loss", 5, 0.5)
        tracker.tell(SETTINGS, FIGURES)
    (run,) = mlflow.tracking.MlflowClient().search_runs(["0"])
    assert run.info.run_name == "hey_device"
    assert run.info.status == "FINISHED"
    assert run.data.params["recipe/width"] == "96"
    assert run.data.metrics == {"network 1/loss": 0.5, "points/0/miss_rate": 0.25}
