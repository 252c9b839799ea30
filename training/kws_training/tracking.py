"""What trackers of experiments are told of a training: its settings, its losses, its figures.

TensorBoard is asked for by a folder. MLflow is told where it is installed and its own environment
variables name a place, as in any program that knows it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from kws.errors import KwsError
from kws.installing import install_packages

#: Told a name, a step and a value of a curve.
Track = Callable[[str, int, float], None]
#: Environment variables that name a place for MLflow.
MLFLOW = ("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME", "MLFLOW_EXPERIMENT_ID", "MLFLOW_RUN_ID")
#: Characters of a parameter that MLflow takes, at most.
LONGEST_PARAMETER = 500


def untracked(name: str, step: int, value: float) -> None:
    """Tell nobody.

    Parameters
    ----------
    name : str
        Of the curve.
    step : int
        Number of the step.
    value : float
        Its value.
    """


class Tracker:
    """Tells TensorBoard and MLflow of one run, or nobody.

    Parameters
    ----------
    folder : Path or None
        Where TensorBoard looks for runs.
    name : str
        Of the run.

    Raises
    ------
    KwsError
        If TensorBoard is asked for and not installed.
    """

    def __init__(self, folder: Path | None, name: str) -> None:
        self._folder = None if folder is None else folder / name
        self._opened: Any = None
        self._mlflow: Any = None
        if folder is not None:
            try:
                import tensorboard  # noqa: F401  (TensorFlow writes for it, and needs it for that)
            except ModuleNotFoundError:
                raise KwsError(f"--tensorboard: {install_packages('tensorboard')}") from None
        if any(os.environ.get(one) for one in MLFLOW):
            try:
                import mlflow
            except ModuleNotFoundError:
                return
            self._mlflow = mlflow
            mlflow.start_run(run_name=name)

    @property
    def _writer(self) -> Any:
        """What writes for TensorBoard, or None.

        It is opened when there is something to tell: with it TensorFlow decides on its threads.
        """
        if self._opened is None and self._folder is not None:
            from .tensorflow_loading import import_tensorflow

            import_tensorflow()
            import tensorflow as tf

            self._opened = tf.summary.create_file_writer(str(self._folder))
        return self._opened

    def track(self, name: str, step: int, value: float) -> None:
        """Tell a value of a curve.

        Parameters
        ----------
        name : str
            Of the curve.
        step : int
            Number of the step.
        value : float
            Its value.
        """
        if self._writer is not None:
            import tensorflow as tf

            with self._writer.as_default():
                tf.summary.scalar(name, value, step)
        if self._mlflow is not None:
            self._mlflow.log_metric(name, value, step)

    def tell(self, settings: Mapping[str, Any], figures: Mapping[str, Any]) -> None:
        """Tell what was decided, and what came of it.

        Parameters
        ----------
        settings : mapping
            Plain values, lists and mappings: options, recipe, digests.
        figures : mapping
            The same of results; of them the numbers are told.
        """
        texts = dict(flat(settings))
        numbers = {
            name: float(value)
            for name, value in flat(figures)
            if isinstance(value, int | float) and not isinstance(value, bool)
        }
        if self._writer is not None:
            import tensorflow as tf

            rows = "\n".join(f"| {name} | {value} |" for name, value in texts.items())
            with self._writer.as_default():
                tf.summary.text("settings", f"| | |\n| --- | --- |\n{rows}", 0)
                for name, value in numbers.items():
                    tf.summary.scalar(name, value, 0)
        if self._mlflow is not None:
            shown = {name: str(value)[:LONGEST_PARAMETER] for name, value in texts.items()}
            self._mlflow.log_params(shown)
            self._mlflow.log_metrics(numbers)

    def __enter__(self) -> Tracker:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._opened is not None:
            self._opened.close()
        if self._mlflow is not None:
            self._mlflow.end_run("FINISHED" if error is None else "FAILED")


def flat(values: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the plain values of nested mappings and lists by their path.

    Parameters
    ----------
    values : object
        Mappings, lists, and anything else.
    name : str
        Path of ``values``.

    Yields
    ------
    (str, object)
        Letters, digits and what trackers allow besides; a name in a list is its number.

    Examples
    --------
    >>> list(flat({"a": [1, {"b c": 2}]}))
    [('a/0', 1), ('a/1/b c', 2)]
    """
    items: Any
    if isinstance(values, Mapping):
        items = values.items()
    elif isinstance(values, list | tuple):
        items = enumerate(values)
    else:
        yield name, values
        return
    for key, value in items:
        shown = "".join(c if c.isalnum() or c in "_-. " else "_" for c in str(key))
        yield from flat(value, f"{name}/{shown}" if name else shown)
