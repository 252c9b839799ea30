"""Models go to the Hub and come back, with the real client against a server with its routes."""

import hashlib
import json
import re
from pathlib import Path

import pytest

from kws.packaged import packaged_content

pytestmark = pytest.mark.reach

RIGHT, READER = "hf_right", "hf_reader"
DEMO = Path(__file__).resolve().parents[3] / "demo" / "synthesized_commands.wav"
SPOTTED = ["yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go"]

#: Repositories that cannot be used: what the line says.
WRONG = {
    "nobody/none": "no repository on the Hub that you may read: .*HF_TOKEN",
    "anna/lights@v9": "no such revision: name a branch",
    "wrong/gated": "accept its conditions at http://.*/wrong/gated",
    "wrong/ratelimited": "too many requests: try again in 60 seconds",
    "wrong/forbidden": "the token may not do that",
    "wrong/broken": r"the Hub has an error of its own \(503\)",
    "wrong/portal": r"is not the Hub: check the network \(a login page\?\)",
    "wrong/digest": "is not the one that the Hub named by its digest: it has been deleted",
    "wrong/git-digest": "is not the one that the Hub named by its digest: it has been deleted",
    "wrong/html": "is a web page, not a model",
    "wrong/huge": "10000000000 bytes is no model",
    "wrong/liar": "7340[0-9]+ bytes is no model",
    "wrong/short": "arrived incomplete: try again",
    "wrong/stolen": "is a model of another tool",
}


def test_pushed_pulled_and_spotted(client, pushed, tmp_path) -> None:
    path = tmp_path / "lights.tflite"
    values = json.loads(client.kws("pull", pushed, "--output", path, "--json"))
    assert path.read_bytes() == packaged_content()
    assert values["sha256"] == hashlib.sha256(packaged_content()).hexdigest()
    assert re.fullmatch("[0-9a-f]{40}", values["commit"])
    lines = client.kws("spot", "--model", f"{pushed}@{values['commit']}", DEMO).splitlines()
    assert [line.split()[4] for line in lines] == SPOTTED


def test_one_file_is_downloaded_once(client, pushed, tmp_path) -> None:
    before = client.requests()
    for _ in range(2):
        values = json.loads(client.kws("inspect", pushed, "--json", HF_HOME=str(tmp_path)))
        assert values["file"] == pushed
    after = client.requests()[len(before) :]
    assert [one for one in after if one.startswith("GET /anna")] == [
        "GET /anna/lights/resolve/main/model.tflite"
    ]


def test_revisions(client, pushed, tmp_path) -> None:
    client.kws("push", "commands-small", f"{pushed}@small/v1", "--no-card", token=RIGHT)
    for revision, name in (("", "commands"), ("@small/v1", "commands-small")):
        client.kws("pull", pushed + revision, "--output", tmp_path / "x.tflite")
        assert (tmp_path / "x.tflite").read_bytes() == packaged_content(name)


def test_a_private_repository_needs_the_token(client, tmp_path) -> None:
    client.kws("push", "commands", "anna/secret", "--private", token=RIGHT)
    arguments = ("pull", "anna/secret", "--output", tmp_path / "x.tflite")
    assert "that you may read" in client.kws(*arguments, status=2)
    wrong = client.kws(*arguments, token="hf_wrong", status=2)
    assert wrong.count("\n") == 1
    assert "the Hub does not take the token, or wants one: log in (hf auth login" in wrong
    assert not (tmp_path / "x.tflite").exists()
    client.kws(*arguments, token=RIGHT)


def test_pushing_needs_a_token_that_may_write(client, pushed) -> None:
    arguments = ("push", "commands", pushed)
    assert "wants one: log in" in client.kws(*arguments, status=2)
    assert "the token may not do that" in client.kws(*arguments, token=READER, status=2)
    assert "everybody can read it" in client.kws(*arguments, "--private", token=RIGHT, status=2)
    refused = client.kws(*arguments, "--license", "my own", token=RIGHT, status=2)
    assert (
        'the Hub refuses the card: mend it (Invalid metadata in README.md. - "license"' in refused
    )


@pytest.mark.parametrize("name", WRONG)
def test_what_cannot_be_used_is_said_in_one_line(client, pushed, tmp_path, name) -> None:
    message = client.kws("pull", name, "--output", tmp_path / "x.tflite", status=2)
    assert re.fullmatch(rf"kws: {name}: .*{WRONG[name]}.*\n", message), message
    assert not list(tmp_path.iterdir())
    blobs = client.home.glob(f"hub/models--{name.replace('/', '--')}/blobs/*")
    stay = [path for path in blobs if path.suffix != ".incomplete"]
    # a model of another tool stays: the cache is that of other programs, too
    assert len(stay) == (name == "wrong/stolen")


def test_without_a_network_the_cache_serves(client, pushed) -> None:
    """In offline mode, and where the Hub does not answer."""
    nowhere = {"HF_ENDPOINT": "http://127.0.0.1:9"}
    client.kws("inspect", pushed)
    for how in ({"HF_HUB_OFFLINE": "1"}, nowhere):
        assert "down, go, left" in client.kws("inspect", pushed, **how)
    offline = client.kws("inspect", "anna/unknown", status=2, HF_HUB_OFFLINE="1")
    assert "is not in the cache, and HF_HUB_OFFLINE forbids the network" in offline
    refused = client.kws("inspect", "anna/unknown", status=2, **nowhere)
    assert "cannot be reached at http://127.0.0.1:9" in refused
    assert refused.count("\n") == 1


OTHER_NAMES = """
import huggingface_hub as hub, sys
api = hub.HfApi()
for name in ("one", "two"):
    api.create_repo(f"anna/{name}")
    for file in ("first", "second")[: 1 if name == "one" else 2]:
        api.upload_file(
            path_or_fileobj=sys.argv[1], path_in_repo=f"{file}.tflite", repo_id=f"anna/{name}"
        )
"""


def test_a_model_of_another_name_is_found(client) -> None:
    client.python("-c", OTHER_NAMES, DEMO.parents[1] / "kws" / "models" / "commands.tflite")
    assert "down, go" in client.kws("inspect", "anna/one")
    assert "down, go" in client.kws("inspect", "anna/one", HF_HUB_OFFLINE="1")
    refused = client.kws("inspect", "anna/two", status=2)
    assert "has no model.tflite, but 2 files that end in .tflite" in refused


SERVED = """
import sys
from kws.serving.catalog import Catalog, Tuning
catalog = Catalog(sys.argv[1:], Tuning())
for _ in range(2):
    print([model.name for model in catalog.offer().models])
"""


def test_a_server_offers_a_model_of_the_hub(client, pushed) -> None:
    printed = client.python("-c", SERVED, f"{pushed}@main", "commands-small").splitlines()
    assert printed == ["['lights', 'commands-small']"] * 2


def test_bench_measures_without_the_client(client, pushed, tmp_path) -> None:
    path = tmp_path / "bench.json"
    client.kws("bench", pushed, "--seconds", "0.1", "--json", path)
    (entry,) = json.loads(path.read_text())["results"]
    assert entry["path"] == pushed


def test_calibrate_does_not_write_to_the_hub(client, pushed) -> None:
    refused = client.kws("calibrate", pushed, "--ambient", DEMO, status=2)
    assert "of the package or of the Hub, which stays as it is" in refused
