"""Commands: planned, started, watched, stopped; and what they found out."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kws.audio import read_recording
from kws.errors import AudioError

from .curve import read_curve
from .handling import Handlers
from .jobs import Job, JobError
from .plans import FORMS, MACHINES, plan
from .progress import tell
from .project import Project, ProjectError
from .replies import RequestError, answer, read_json
from .workspace import Workspace

if TYPE_CHECKING:
    from aiohttp import web

    from .workspace import Workspaces

#: Jobs that the page is told of.
SHOWN_JOBS = 30
#: Seconds before and after a miss or a false accept that are played.
AROUND = 1.5


class JobHandlers(Handlers):
    """Answers what is asked about commands.

    Parameters
    ----------
    threads : Executor
        See `Handlers`.
    workspaces : Workspaces
        Which say who may start what.
    """

    def __init__(self, threads: Any, workspaces: Workspaces) -> None:
        super().__init__(threads)
        self._workspaces = workspaces

    def routes(self) -> list[web.RouteDef]:
        """Return what is answered, and by whom."""
        from aiohttp import web

        return [
            web.get("/api/plan/{kind}", self._plan),
            web.get("/api/forms", self._forms),
            web.get("/api/jobs", self._list),
            web.post("/api/jobs", self._start),
            web.get("/api/jobs/{number}", self._job),
            web.post("/api/jobs/{number}/{deed}", self._do),
            web.get("/api/curve/{number}", self._curve),
            web.get("/api/excerpt/{number}/{kind}/{place}", self._excerpt),
        ]

    async def _plan(self, request: web.Request) -> web.Response:
        """Say what a step would do, before anybody starts it."""
        values = {name: _value(text) for name, text in request.query.items()}
        project = self.workspace(request).project
        try:
            taken = self.workspace(request).jobs.to_be_made()
            found = await self.aside(plan, project, request.match_info["kind"], values, taken)
        except ProjectError as error:  # an answer, not a fault: the page says what is missing
            return answer({"missing": str(error)})
        job = Job(0, found.kind, found.title, found.arguments)
        return answer({"title": found.title, "about": found.about, "command": job.command})

    async def _forms(self, _: web.Request) -> web.Response:
        return answer({"forms": _named(FORMS), "machines": _named(MACHINES)})

    async def _list(self, request: web.Request) -> web.Response:
        workspace = self.workspace(request)
        return answer({"jobs": await self.aside(job_rows, workspace)})

    async def _start(self, request: web.Request) -> web.Response:
        values = await read_json(request)
        kind = str(values.get("kind", ""))
        self._workspaces.check(kind)
        workspace = self.workspace(request)

        def start() -> Job:
            found = plan(workspace.project, kind, values, workspace.jobs.to_be_made())
            return workspace.jobs.add(found.kind, found.title, found.arguments, found.makes)

        job = await self.aside(start)
        return answer(_row(workspace, job), 201)

    async def _job(self, request: web.Request) -> web.Response:
        workspace, job = self.workspace(request), self._found(request)
        values = _row(workspace, job)
        values["log"] = workspace.jobs.log(job.number)
        values["result"] = workspace.jobs.output(job.number) if job.state == "done" else None
        return answer(values)

    async def _do(self, request: web.Request) -> web.Response:
        workspace, job = self.workspace(request), self._found(request)
        deeds = {
            "stop": workspace.jobs.stop,
            "pause": workspace.jobs.pause,
            "resume": workspace.jobs.resume,
        }
        deed = request.match_info["deed"]
        if deed not in deeds:
            raise RequestError(f"{deed!r:.40}: stop, pause or resume")
        return answer(_row(workspace, await self.aside(deeds[deed], job.number)))

    async def _curve(self, request: web.Request) -> web.Response:
        workspace, job = self.workspace(request), self._found(request)
        figures = await self.aside(workspace.jobs.output, job.number)
        points = read_curve(figures, workspace.project.phrase)
        if not points:
            raise JobError(f"{job.title}: found no curve: was the phrase another one then?")
        return answer(
            {
                "model": Path(job.arguments[1]).name,
                "about": plan_about(job),
                "points": [one.to_dict() for one in points],
                "chosen": figures["operating_points"][0]["threshold"],
                "misses": _places(workspace.project, figures.get("misses", [])),
                "false_accepts": _places(workspace.project, figures.get("false_accepts", [])),
                "kinds": figures.get("kinds", []),
                "groups": figures.get("groups", []),
                "group_about": figures.get("group_about", ""),
                "skipped": len(figures.get("skipped", [])),
            }
        )

    async def _excerpt(self, request: web.Request) -> web.StreamResponse:
        """Give the sound around a miss or a false accept."""
        from aiohttp import web

        workspace, job = self.workspace(request), self._found(request)
        info = request.match_info
        figures = await self.aside(workspace.jobs.output, job.number)
        try:
            place = figures[info["kind"]][int(info["place"])]
            path, at = Path(place["file"]), float(place["at"])
        except (KeyError, IndexError, TypeError, ValueError):
            raise RequestError("no such place: judge the model again") from None
        content = await self.aside(_excerpt, workspace.project, path, at)
        return web.Response(body=content, content_type="audio/wav")

    def _found(self, request: web.Request) -> Job:
        number = request.match_info["number"]
        if not (number.isascii() and number.isdigit() and len(number) < 9):
            raise RequestError(f"no job {number!r:.40}")
        return self.workspace(request).jobs.job(int(number))


def _named(choices: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"name": name, "about": about} for name, about in choices.items()]


def job_rows(workspace: Workspace) -> list[dict[str, Any]]:
    """Return the latest jobs, with how far they are.

    Parameters
    ----------
    workspace : Workspace
        Whose jobs.
    """
    return [_row(workspace, job) for job in workspace.jobs.jobs()[:SHOWN_JOBS]]


def plan_about(job: Job) -> str:
    """Say what a model was judged on, from the command.

    Parameters
    ----------
    job : Job
        Of `kws evaluate`.
    """
    command = job.command
    if "held_back/" in command:
        said = "recordings that were held back"
    elif "synthesized/" in command.partition("--negatives")[0]:
        said = "machine voices"
    else:
        said = "the recordings it learned from: it looks better than it is"
    other = (
        "speech kept apart" if "other_speech/judge" in command else "what sounds like the phrase"
    )
    return f"judged on {said}, and on {other}"


def _value(text: str) -> str | int:
    """Return a value of a question that stands in its address: whole numbers are numbers."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 9 else text


def _row(workspace: Workspace, job: Job) -> dict[str, Any]:
    jobs = workspace.jobs
    log, progress = jobs.log(job.number), jobs.progress(job.number)
    told = tell(job, log, progress, time.time())
    return {**jobs.to_dict(job), "told": told.to_dict()}


def _places(project: Project, places: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return misses or false accepts with the shelf that each is on, to relabel it."""
    rows = []
    for number, place in enumerate(places):
        path = Path(place["file"])
        rows.append(
            {
                "place": number,
                "name": path.name,
                "shelf": _shelf_of(project, path),
                "at": place["at"],
                "score": place["score"],
            }
        )
    return rows


def _shelf_of(project: Project, path: Path) -> str | None:
    """Return the shelf that a recording still is on."""
    full = path if path.is_absolute() else project.root / path
    for shelf in ("learn", "held", "other", "judge"):
        if full == project.shelf(shelf) / path.name and full.is_file():
            return shelf
    return None


def _excerpt(project: Project, path: Path, at: float) -> bytes:
    import io

    from kws.pcm import to_int16
    from kws.wav import write_wav

    full = (path if path.is_absolute() else project.root / path).resolve()
    if not full.is_relative_to(project.root) or not full.is_file():
        raise ProjectError(f"{path.name}: is no longer there: judge the model again")
    recording = read_recording(full)
    rate = recording.sample_rate
    first, last = max(0, round((at - AROUND) * rate)), round((at + AROUND) * rate)
    part = recording.samples[first:last]
    if not len(part):
        raise AudioError(f"{path.name}: is shorter than it was")
    stream = io.BytesIO()
    write_wav(stream, to_int16(part, nearest=True), rate)
    return stream.getvalue()
