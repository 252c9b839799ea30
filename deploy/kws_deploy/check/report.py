"""What a check found, as lines for people and as plain values for programs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .gates import Gate
from .judging import Judged

#: Skipped recordings that are named; the rest are counted.
MOST_SKIPPED = 10


def to_dict(gates: Sequence[Gate], judged: Judged) -> dict[str, Any]:
    """Return all figures as plain JSON values.

    Parameters
    ----------
    gates : sequence of Gate
        Those that were run.
    judged : Judged
        The recordings on which they were run.

    Returns
    -------
    dict
        Whether all gates passed, the reasons if not, and each gate's figures.
    """
    return {
        "passed": all(gate.passed for gate in gates),
        "reasons": [f"{gate.name}: {gate.text}" for gate in gates if not gate.passed],
        "gates": {
            gate.name: {
                "passed": gate.passed,
                "text": gate.text,
                "doubts": list(gate.doubts),
                "figures": gate.figures,
            }
            for gate in gates
        },
        "notes": list(judged.notes),
        "skipped": [{"file": str(s.path), "reason": s.reason} for s in judged.skipped],
    }


def lines(gates: Sequence[Gate], judged: Judged) -> list[str]:
    """Return the report as text: the recordings, the gates passed, those failed, the verdict.

    Parameters
    ----------
    gates : sequence of Gate
        Those that were run.
    judged : Judged
        The recordings on which they were run.

    Returns
    -------
    list of str
        One line each, without line ends.
    """
    found = list(judged.notes)
    found += [f"skipped: {skip.path}: {skip.reason}" for skip in judged.skipped[:MOST_SKIPPED]]
    if len(judged.skipped) > MOST_SKIPPED:
        found.append(f"… {len(judged.skipped)} skipped in all (--json names them)")
    found.append("")
    width = max(len(gate.name) for gate in gates)
    passed = [gate for gate in gates if gate.passed]
    failed = [gate for gate in gates if not gate.passed]
    for verdict, some in (("passed", passed), ("FAILED", failed)):
        for gate in some:
            found.append(f"{verdict}  {gate.name:{width}}  {gate.text}")
            found += [f"{'':{8 + width}}  {doubt}" for doubt in gate.doubts]
    found.append("")
    if failed:
        names = ", ".join(gate.name for gate in failed)
        found.append(f"not to be released: {len(failed)} of {len(gates)} gates failed ({names})")
    else:
        found.append(f"all {len(gates)} gates passed")
    return found
