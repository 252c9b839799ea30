"""The small Hub of the device's tests, for data sets."""

import importlib.util
from pathlib import Path

_path = Path(__file__).resolve().parents[2] / "kws" / "hub" / "conftest.py"
_spec = importlib.util.spec_from_file_location("conftest_of_the_hub", _path)
_hub = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_hub)

client = _hub.client
hub_address = _hub.hub_address
