"""A small Hugging Face Hub: the routes that the real client packages call, and ways to go wrong.

Run as a process of its own, since clients read the Hub's address when they are imported:

    python hub_server.py

It prints its port, and serves until its standard input is closed. Nothing is kept on disk.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import sys
import threading
import time
import urllib.parse
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

#: The token that may read and write everything.
TOKEN = "hf_right"
#: A token that the server knows, and that may write nothing.
READER = "hf_reader"
#: Seconds for which a request is not answered that a test has stalled.
STALLED = 20
DATE = "2026-11-29T00:00:00.000Z"


@dataclass
class Repository:
    private: bool = False
    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)

    def add(self, branch: str, files: dict[str, bytes]) -> str:
        whole = {**self.commits.get(self.branches.get(branch, ""), {}), **files}
        listed = repr([(name, hashlib.sha1(text).hexdigest()) for name, text in whole.items()])
        commit = hashlib.sha1(f"{listed} {len(self.commits)}".encode()).hexdigest()
        self.commits[commit] = whole
        self.branches[branch] = commit
        return commit

    def commit_of(self, revision: str) -> str | None:
        commit = self.branches.get(revision, revision)
        return commit if commit in self.commits else None


class Hub:
    """Repositories by kind and name; requests are counted by path."""

    def __init__(self) -> None:
        self.repositories: dict[tuple[str, str], Repository] = {}
        self.requests: list[str] = []
        self.lock = threading.Lock()
        #: Requests until one is not answered, and the file that is made then.
        self.stall: tuple[int, str] | None = None


class WrongError(Exception):
    """What the server refuses: the status, and the code in X-Error-Code."""

    def __init__(self, status: int, code: str = "", message: str = "refused") -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


#: Names of repositories that behave in a wrong way, and what each does.
WRONG = {
    "wrong/gated": WrongError(403, "GatedRepo", "Access is restricted"),
    "wrong/ratelimited": WrongError(429),
    "wrong/forbidden": WrongError(403, "", "not allowed"),
    "wrong/broken": WrongError(503),
    "wrong/failing": WrongError(500),
}

REPOSITORY = r"(?P<repo>[\w.-]+/[\w.-]+)"
KIND = r"(?P<kind>models|datasets)"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: Hub

    def log_message(self, *_: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self.answer()

    def do_GET(self) -> None:
        self.answer()

    def do_POST(self) -> None:
        self.answer()

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path, _, self.query = self.path.partition("?")
        self.hub.requests.append(f"{self.command} {path}")
        if not path.startswith("/stall") and self.is_stalled():
            time.sleep(STALLED)
            self.close_connection = True
            return
        try:
            for command, pattern, method in ROUTES:
                match = re.fullmatch(pattern, path)
                if match and self.command in command:
                    parts = {k: v and urllib.parse.unquote(v) for k, v in match.groupdict().items()}
                    method(self, body, **parts)
                    return
            raise WrongError(404)
        except WrongError as wrong:
            self.send(
                wrong.status,
                json.dumps({"error": wrong.message}).encode(),
                {"X-Error-Code": wrong.code, "X-Error-Message": wrong.message, "Retry-After": "60"},
            )
        except ConnectionError:
            pass

    def is_stalled(self) -> bool:
        with self.hub.lock:
            if self.hub.stall is None:
                return False
            left, mark = self.hub.stall
            self.hub.stall = (left - 1, mark) if left > 1 else None
        if left == 1:
            Path(mark).touch()
        return left == 1

    def stall(self, body: bytes) -> None:
        asked = json.loads(body)
        with self.hub.lock:
            self.hub.stall = (asked["requests"], asked["mark"])
        self.json({})

    def send(self, status: int, body: bytes, headers: dict[str, str], length: int = -1) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **headers}.items():
            if value:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body) if length < 0 else length))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def json(self, values: Any) -> None:
        self.send(200, json.dumps(values).encode(), {})

    def find(self, kind: str, repo: str, revision: str = "main") -> tuple[Repository, str]:
        if repo in WRONG:
            raise WRONG[repo]
        token = self.token()
        found = self.hub.repositories.get((kind, repo))
        if found is None or (found.private and token != TOKEN):
            raise WrongError(404 if token else 401, "RepoNotFound", "Repository not found")
        commit = found.commit_of(revision)
        if commit is None:
            raise WrongError(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        return found, commit

    def token(self) -> str:
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if token and token not in (TOKEN, READER):
            raise WrongError(401, "", "Invalid credentials in Authorization header")
        return token

    def writer(self) -> None:
        if self.token() != TOKEN:
            raise WrongError(403 if self.token() else 401, "", "you may not write")

    # downloading

    def resolve(
        self, body: bytes, repo: str, revision: str, file: str, prefix: str | None = None
    ) -> None:
        if repo == "wrong/portal":
            self.send(200, b"<html>Log in to the hotel</html>", {"Content-Type": "text/html"})
            return
        if repo.startswith("wrong/") and repo not in WRONG:
            self.misbehave(repo)
            return
        repository, commit = self.find("datasets" if prefix else "models", repo, revision)
        content = repository.commits[commit].get(file)
        if content is None:
            raise WrongError(404, "EntryNotFound", "Entry not found")
        self.content(content, commit)

    def content(self, content: bytes, commit: str) -> None:
        headers = {
            "ETag": f'"{hashlib.sha256(content).hexdigest()}"',
            "X-Repo-Commit": commit,
            "Content-Type": "application/octet-stream",
            "Accept-Ranges": "bytes",
        }
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if not wanted:
            self.send(200, content, headers)
            return
        first, last = int(wanted[1]), min(int(wanted[2] or len(content)), len(content) - 1)
        headers["Content-Range"] = f"bytes {first}-{last}/{len(content)}"
        self.send(206, content[first : last + 1], headers)

    def misbehave(self, repo: str) -> None:
        """Serve one file in a way that no honest server does."""
        headers = {"ETag": f'"{repo}"'.replace("/", "-"), "X-Repo-Commit": "a" * 40}
        first = self.command == "HEAD"
        if repo == "wrong/digest":
            self.send(200, b"\x18\0\0\0TFL3 and more", {**headers, "ETag": f'"{"0" * 64}"'})
        elif repo == "wrong/git-digest":
            self.send(200, b"\x18\0\0\0TFL3 and more", {**headers, "ETag": f'"{"0" * 40}"'})
        elif repo == "wrong/html":
            self.send(200, b"<!DOCTYPE html><p>Moved", headers)
        elif repo == "wrong/huge":
            self.send(200, b"", headers, length=10 * 10**9)
        elif repo == "wrong/liar":  # small until it comes
            if first:
                self.send(200, b"", {**headers, "Content-Length": ""}, length=1000)
            else:
                self.send_response(200)
                self.send_header("Connection", "close")
                self.end_headers()
                self.close_connection = True
                for _ in range(100):
                    self.wfile.write(bytes(1 << 20))
        elif repo == "wrong/halfway":  # and then it is silent
            self.send(200, bytes(500), headers, length=1000)
            if not first:
                time.sleep(STALLED)
                self.close_connection = True
        elif repo == "wrong/short":
            self.send(200, bytes(999), headers, length=1000 if first else -1)
        elif repo == "wrong/stolen":  # the ZIP is there, the network is another's
            self.send(200, b"....TFL3 no contract", headers)
        else:
            raise WrongError(404, "RepoNotFound", "Repository not found")

    def info(self, body: bytes, kind: str, repo: str, revision: str = "main") -> None:
        repository, commit = self.find(kind, repo, revision)
        files = repository.commits[commit]
        self.json(
            {
                "_id": "1",
                "id": repo,
                "modelId": repo,
                "author": repo.partition("/")[0],
                "sha": commit,
                "lastModified": DATE,
                "createdAt": DATE,
                "private": repository.private,
                "gated": False,
                "disabled": False,
                "tags": [],
                "downloads": 0,
                "likes": 0,
                "siblings": [{"rfilename": name} for name in files],
            }
        )

    def entry(self, path: str, content: bytes) -> dict[str, Any]:
        oid = hashlib.sha1(content).hexdigest()
        return {"type": "file", "path": path, "size": len(content), "oid": oid}

    def tree(self, body: bytes, kind: str, repo: str, revision: str, path: str = "") -> None:
        repository, commit = self.find(kind, repo, revision)
        inside = f"{path.strip('/')}/" if path.strip("/") else ""
        recursive = "recursive=true" in self.query.lower() or "recursive=1" in self.query
        found: dict[str, dict[str, Any]] = {}
        for name, content in repository.commits[commit].items():
            if not name.startswith(inside):
                continue
            below = name.removeprefix(inside).split("/")
            for depth in range(1, len(below)):
                folder = inside + "/".join(below[:depth])
                if recursive or depth == 1:
                    found[folder] = {"type": "directory", "path": folder, "size": 0, "oid": "0"}
            if recursive or len(below) == 1:
                found[name] = self.entry(name, content)
        if not found:
            raise WrongError(404, "EntryNotFound", "Entry not found")
        self.json(list(found.values()))

    def paths(self, body: bytes, kind: str, repo: str, revision: str) -> None:
        repository, commit = self.find(kind, repo, revision)
        files = repository.commits[commit]
        asked = urllib.parse.parse_qs(body.decode())
        wanted = asked.get("paths") or json.loads(body or b"{}").get("paths", [])
        found = []
        for path in wanted:
            if path in files:
                found.append(self.entry(path, files[path]))
            elif any(name.startswith(f"{path}/") for name in files):
                found.append({"type": "directory", "path": path, "size": 0, "oid": "0"})
        self.json(found)

    # pushing

    def create(self, body: bytes) -> None:
        self.writer()
        asked = json.loads(body)
        name = f"{asked.get('organization') or 'somebody'}/{asked['name']}"
        if name in WRONG:
            raise WRONG[name]
        kind = f"{asked.get('type') or 'model'}s"
        private = bool(asked.get("private")) or asked.get("visibility") == "private"
        page = {"url": f"http://{self.headers['Host']}/{name}", "id": name}
        if (kind, name) in self.hub.repositories:
            self.send(
                409, json.dumps({"error": "You already created this repo", **page}).encode(), {}
            )
            return
        repository = self.hub.repositories[kind, name] = Repository(private)
        repository.add("main", {".gitattributes": b""})
        self.json(page)

    def branch(self, body: bytes, kind: str, repo: str, revision: str) -> None:
        self.writer()
        repository, commit = self.find(kind, repo)
        if revision in repository.branches:
            raise WrongError(409, "", "Reference already exists")
        repository.branches[revision] = commit
        self.json({})

    def validate(self, body: bytes) -> None:
        import yaml

        text = json.loads(body)["content"]
        match = re.match(r"---\n(.*?)\n---", text, re.DOTALL)
        errors = []
        try:
            data = yaml.safe_load(match[1]) if match else {}
            if "license" in data and data["license"] not in ("apache-2.0", "mit", "cc-by-4.0"):
                errors.append({"message": '"license" must be one of the known ones'})
        except yaml.YAMLError as error:
            errors.append({"message": str(error)})
        if errors:
            self.send(400, json.dumps({"errors": errors, "warnings": []}).encode(), {})
        else:
            self.json({"errors": [], "warnings": []})

    def preupload(self, body: bytes, kind: str, repo: str, revision: str) -> None:
        self.writer()
        self.find(kind, repo, revision)
        files = [
            {"path": one["path"], "uploadMode": "regular", "shouldIgnore": False}
            for one in json.loads(body)["files"]
        ]
        self.json({"files": files})

    def commit(self, body: bytes, kind: str, repo: str, revision: str) -> None:
        self.writer()
        repository, _ = self.find(kind, repo, revision)
        files = {}
        for line in body.decode().splitlines():
            operation = json.loads(line)
            if operation["key"] == "file":
                value = operation["value"]
                files[value["path"]] = base64.b64decode(value["content"])
        with self.hub.lock:
            commit = repository.add(revision, files)
        url = f"http://{self.headers['Host']}/{repo}/commit/{commit}"
        self.json({"success": True, "commitOid": commit, "commitUrl": url})

    def whoami(self, body: bytes) -> None:
        if not self.token():
            raise WrongError(401)
        self.json({"type": "user", "name": "somebody", "orgs": []})

    def requests(self, body: bytes) -> None:
        self.json(self.hub.requests)


FILE = rf"{REPOSITORY}/resolve/(?P<revision>[^/]+)/(?P<file>.+)"
ROUTES: list[tuple[str, str, Callable[..., None]]] = [
    ("GET", "/requests", Handler.requests),
    ("POST", "/stall", Handler.stall),
    ("GET", "/api/whoami-v2", Handler.whoami),
    ("POST", "/api/repos/create", Handler.create),
    ("POST", "/api/validate-yaml", Handler.validate),
    ("GET", rf"/api/{KIND}/{REPOSITORY}", Handler.info),
    ("GET", rf"/api/{KIND}/{REPOSITORY}/revision/(?P<revision>.+)", Handler.info),
    ("POST", rf"/api/{KIND}/{REPOSITORY}/branch/(?P<revision>.+)", Handler.branch),
    ("POST", rf"/api/{KIND}/{REPOSITORY}/preupload/(?P<revision>.+)", Handler.preupload),
    ("POST", rf"/api/{KIND}/{REPOSITORY}/commit/(?P<revision>.+)", Handler.commit),
    ("POST", rf"/api/{KIND}/{REPOSITORY}/paths-info/(?P<revision>.+)", Handler.paths),
    ("GET", rf"/api/{KIND}/{REPOSITORY}/tree/(?P<revision>[^/]+)(?P<path>.*)", Handler.tree),
    ("HEAD GET", f"/(?P<prefix>datasets)/{FILE}", Handler.resolve),
    ("HEAD GET", f"/{FILE}", Handler.resolve),
]


def main() -> None:
    """Serve until standard input is closed."""
    Handler.hub = Hub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_address[1], flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
