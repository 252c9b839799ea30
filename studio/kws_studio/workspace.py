"""All that a studio has of one project, and of several where it serves visitors."""

from __future__ import annotations

import re
import shutil
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from .access import Invitation, new_token
from .findings import Finding, Looks
from .jobs import JobBook
from .project import Project, ProjectError

#: Visitors of a Space whose projects are kept; the one who did nothing for longest goes first.
MOST_VISITORS = 40
#: Kinds of jobs that visitors may start: they share a small machine.
VISITORS_MAY = ("hear", "quick", "judge")


@dataclass
class Workspace:
    """A project, its jobs, and what was seen of its recordings.

    Attributes
    ----------
    project : Project
    jobs : JobBook
    invitation : Invitation
    looks : Looks
    unlike : dict of str to Finding
        Recordings that are little like the others, as far as somebody asked.
    used : float
        When it was last used, seconds of the monotonic clock.
    """

    project: Project
    jobs: JobBook
    invitation: Invitation
    looks: Looks = field(default_factory=Looks)
    unlike: dict[str, Finding] = field(default_factory=dict)
    used: float = 0.0

    @classmethod
    def open(cls, root: Path) -> Workspace:
        """Open the project in a folder.

        Parameters
        ----------
        root : Path
            The folder; it is made if it is not there.

        Raises
        ------
        KwsError
            If it cannot be used, or another studio has it.
        """
        project = Project(root)
        return cls(project, JobBook(project.root), Invitation(project.root))


class Workspaces:
    """The project of whoever asks: one for all, or one for each visitor.

    Parameters
    ----------
    root : Path
        The project's folder, or that of the visitors' folders.
    visitors : bool
        Whether each visitor has a project, as in a public Space.
    """

    def __init__(self, root: Path, visitors: bool = False) -> None:
        self.visitors = visitors
        self._root = root
        self._lock = threading.Lock()
        self._open: dict[str, Workspace] = {}
        if not visitors:
            self._open[""] = Workspace.open(root)

    def of(self, visitor: str | None) -> tuple[str, Workspace]:
        """Return the project of a visitor, and the name to know the visitor by.

        Parameters
        ----------
        visitor : str or None
            What the visitor's cookie says; None at the first visit.
        """
        with self._lock:
            if not self.visitors:
                return "", self._open[""]
            known = visitor if visitor is not None and visitor in self._open else None
            if known is None:
                known = new_token()
                self._make_room()
                self._open[known] = Workspace.open(self._root / re.sub(r"\W", "_", known))
            workspace = self._open[known]
            workspace.used = time.monotonic()
            return known, workspace

    def tick(self) -> None:
        """See which commands have ended, and start those that wait."""
        for workspace in list(self._open.values()):
            workspace.jobs.tick()

    def close(self) -> None:
        """Let another studio have the folders; commands go on, but not those of visitors."""
        for workspace in self._open.values():
            if self.visitors:
                self._drop(workspace)
            else:
                workspace.jobs.close()

    def check(self, kind: str) -> None:
        """Refuse a job that visitors may not start.

        Parameters
        ----------
        kind : str
            Of the job.

        Raises
        ------
        ProjectError
            If it is not for visitors, or too many are at work.
        """
        if not self.visitors:
            return
        if kind not in VISITORS_MAY:
            raise ProjectError(
                "this page is shared by many: for that, install kws and run kws studio at home"
            )
        busy = [one for one in self._open.values() if any_alive(one.jobs)]
        if len(busy) >= 2:
            raise ProjectError("others are at work here: try again in a minute")

    def _make_room(self) -> None:
        while len(self._open) >= MOST_VISITORS:
            oldest = min(self._open, key=lambda name: self._open[name].used)
            self._drop(self._open.pop(oldest))

    def _drop(self, workspace: Workspace) -> None:
        for job in workspace.jobs.jobs():
            workspace.jobs.stop(job.number)
        workspace.jobs.close()
        shutil.rmtree(workspace.project.root, ignore_errors=True)


def any_alive(jobs: JobBook) -> bool:
    """Tell whether a command runs.

    Parameters
    ----------
    jobs : JobBook
        Of a project.
    """
    return any(job.state in ("running", "paused") for job in jobs.jobs())
