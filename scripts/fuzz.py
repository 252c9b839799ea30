"""Reads hostile inputs, and counts what becomes of them: a refusal in one line, or what it is.

    python scripts/fuzz.py wav model --inputs 2000
    python scripts/fuzz.py all --inputs 100000 --seed 1

Whole inputs are changed, digests are made right again where there are any, and each is read in a
child process with bounds on memory and time. The status is 1 if one of them crashed or hung it,
raised anything but a `KwsError`, took memory beyond the bound, or did something outside its folder.
Such inputs are kept, and read again by ``--repeat FILE``. With ``--coverage``, atheris looks for
inputs that run other code than those before (``pip install atheris``).
"""

from __future__ import annotations

import argparse
import os
import sys
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "scripts"), str(ROOT)]

# Before numpy is there: a process has the threads of one core, else its memory is not its own.
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(name, "1")

from fuzzing import campaign  # noqa: E402
from fuzzing.reader import Reader  # noqa: E402
from fuzzing.readers import all_readers  # noqa: E402


def main() -> int:
    """Run the readers that were named."""
    known = {one.name: one for one in all_readers()}
    options = _parser(known).parse_args()
    named = options.readers or ["all"]
    chosen = list(known.values()) if named == ["all"] else [known[one] for one in named]
    broken = False
    for reader in chosen:
        missing = [name for name in reader.needs if find_spec(name) is None]
        if missing:
            print(f"{reader.name:<12} skipped: no {', '.join(missing)}", flush=True)
            continue
        if options.coverage:
            from fuzzing import guided

            broken |= guided.run(reader, options.seed, options.inputs, options.keep)
            continue
        given = [path.read_bytes() for path in options.repeat] if options.repeat else None
        keep = None if options.repeat else options.keep
        tally = campaign.run(reader, options.seed, options.inputs, keep, given, _progress)
        print(tally.line(), flush=True)
        for number, why, _ in tally.broken:
            where = "" if keep is None else f" ({keep}/{reader.name}-{options.seed}-{number})"
            print(f"  input {number}{where}: {why:.300}", flush=True)
        broken |= bool(tally.broken)
    return int(broken)


def _progress(tally: campaign.Tally) -> None:
    print(f"  … {tally.line()}", file=sys.stderr, flush=True)


def _parser(known: dict[str, Reader]) -> argparse.ArgumentParser:
    listed = "\n".join(f"  {one.name:<12} {one.what}" for one in known.values())
    parser = argparse.ArgumentParser(
        description=(__doc__ or "").partition("\n")[0],
        epilog=f"readers:\n{listed}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "readers", nargs="*", metavar="READER", choices=["all", *known, []], help="all unless named"
    )
    parser.add_argument("--inputs", type=int, default=2000, help="of each reader (default 2000)")
    parser.add_argument("--seed", type=int, default=0, help="of what is changed (default 0)")
    parser.add_argument(
        "--keep", type=Path, default=Path("build/fuzz"), help="folder for inputs that break"
    )
    parser.add_argument(
        "--repeat", type=Path, nargs="+", metavar="FILE", help="read these, kept from another run"
    )
    parser.add_argument("--coverage", action="store_true", help="guided by coverage, with atheris")
    return parser


if __name__ == "__main__":
    sys.exit(main())
