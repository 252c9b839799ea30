#!/usr/bin/env bash
# Builds the sdist, and the wheel from it, in dist/. The wheel holds a valid bill of materials. Then
# installs each into an empty environment, where pip finds nothing missing, all modules of kws can be
# imported and the demo is understood.
#
#   scripts/check_package.sh [PYTHON ...]     with each of these (default: $PYTHON, or python3)
set -euo pipefail
cd "$(dirname "$0")/.."
[ $# -gt 0 ] || set -- "${PYTHON:-python3}"

work=$(mktemp -d)
# kws.egg-info, which the build leaves, would be taken for what is installed, entry points and all.
trap 'rm -rf "$work" kws.egg-info' EXIT
export PIP_DISABLE_PIP_VERSION_CHECK=1

"$1" -m venv "$work/tools"
"$work/tools/bin/pip" install -q build twine "cyclonedx-python-lib[json-validation]>=9"
rm -rf dist
"$work/tools/bin/python" -m build --outdir dist . >"$work/build.log" 2>&1 || {
  tail -n 40 "$work/build.log"
  exit 1
}
"$work/tools/bin/twine" check --strict dist/*
"$work/tools/bin/python" - dist/*.whl <<'PYTHON'
import sys
import zipfile

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

with zipfile.ZipFile(sys.argv[1]) as wheel:
    (name,) = [one for one in wheel.namelist() if ".dist-info/sboms/" in one]
    error = JsonStrictValidator(SchemaVersion.V1_6).validate_str(wheel.read(name).decode())
assert error is None, error
print(f"{name}: valid")
PYTHON

# Outside of the checkout, so that what was installed is what is imported.
demo=$PWD/demo/synthesized_commands.wav
for python in "$@"; do
  for file in "$PWD"/dist/*.whl "$PWD"/dist/*.tar.gz; do
    rm -rf "$work/empty"
    "$python" -m venv "$work/empty"
    (
      cd "$work"
      empty/bin/pip install -q "$file"
      empty/bin/pip check
      empty/bin/python - "$demo" <<'PYTHON'
import importlib
import pkgutil
import subprocess
import sys
from pathlib import Path

import kws

names = [found.name for found in pkgutil.walk_packages(kws.__path__, "kws.")]
for name in names:
    if not name.endswith(".__main__"):
        importlib.import_module(name)
command = [Path(sys.executable).with_name("kws"), "spot", sys.argv[1]]
heard = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
assert len(heard) == 10, heard
print(f"Python {sys.version.split()[0]}: {len(names)} modules of kws, {len(heard)} words heard")
PYTHON
    )
    echo "$(basename "$file"): passed"
  done
done
