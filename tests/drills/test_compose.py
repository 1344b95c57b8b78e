"""compose.yaml without a container engine: each service of the product as a process, with its own command.

What a container would bring is given by hand: the other services' names and ports, /tmp, /srv/adplatform, the
host name. PostgreSQL and Redis are private ones of this test, with compose's account and Redis' command.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from django.db import connection

from tests.compose_file import COMPOSE, environment_of, filled
from tests.drills.trees import ROOT, wait_for
from tests.faults.servers import free_port, postgres

STORES = ("redis", "buffer")  # postgres is a cluster that has to be made first
OURS = ("hot", "web", "worker", "fetch", "render", "drain")
GIVEN = {
    "SECRET_KEY": "compose-drill-" + "k" * 50,
    "PROFILES_PSEUDONYM_KEY": "compose-drill-" + "p" * 50,
    "POSTGRES_PASSWORD": "drill",
    "ALLOWED_HOSTS": "ads.example.com",
    "EVENTS_BUFFER_URL": "redis://buffer:6379/0",
    "METRICS_TOKEN": "m" * 40,
}
HEADERS = {"Host": "ads.example.com", "X-Forwarded-Proto": "https", "Content-Type": "application/json"}
SEED = """
from accounts.services import advertiser_create, api_key_create
from tests import factories
from tests.campaigns.serving_cast import make_live, make_variant
shop = advertiser_create(name="Drill", slug="drill", shop_url="https://shop.example")
campaign, placement = make_live(shop)
make_variant(campaign, placement)
job = factories.make_render_job(shop)
print(api_key_create(advertiser=shop, name="drill", kind="secret")[1], job.pk)
"""
STATE = """
import json
from analytics.models import Event
from generation.models import Creative, RenderJob
job = RenderJob.objects.get(pk="%s")
print(json.dumps([job.status, Creative.objects.filter(job=job).count(), Event.objects.count()]))
"""
pytestmark = [
    pytest.mark.stores,
    pytest.mark.timeout(900),  # a minute on two quiet cores, most of it starting Python eight times over
    pytest.mark.skipif(connection.vendor != "postgresql", reason="needs the stores: make test-services"),
]


def image() -> tuple[dict[str, str], list[str]]:
    """The Dockerfile's last ENV lines and its CMD."""
    last = (ROOT / "Dockerfile").read_text().rpartition("\nFROM ")[2]
    pairs = re.findall(r"(\w+)=(\S+)", " ".join(re.findall(r"^ENV ((?:.*\\\n)*.*)", last, re.MULTILINE)))
    (command,) = re.findall(r"^CMD (\[.*\])$", last, re.MULTILINE)
    return dict(pairs), json.loads(command)


class Stack:
    """The services, each with a folder for its /tmp and a port for its 8000."""

    def __init__(self, folder: Path, database_port: int) -> None:
        self.folder = folder
        self.ports = {name: free_port() for name in (*STORES, "hot", "web")}
        self.ports["postgres"] = database_port
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        for path in ("srv/adplatform", "app"):
            (folder / path).mkdir(parents=True)

    def local(self, service: str, text: str) -> str:
        """A text of compose.yaml as it holds outside a container."""
        for name, inside in (("postgres", 5432), ("redis", 6379), ("buffer", 6379)):
            text = text.replace(f"@{name}:{inside}", f"@127.0.0.1:{self.ports[name]}")
            text = text.replace(f"//{name}:{inside}", f"//127.0.0.1:{self.ports[name]}")
        if service in self.ports:
            text = text.replace("127.0.0.1:8000", f"127.0.0.1:{self.ports[service]}")
        text = text.replace("0.0.0.0", "127.0.0.1")  # noqa: S104 - what is taken away
        text = re.sub(r"(?<![\w/])/tmp/", f"{self.folder}/{service}/", text)
        return re.sub(r"^/(srv/adplatform|app|backups)\b", rf"{self.folder}/\1", text)

    def environment(self, service: str) -> dict[str, str]:
        ours, _ = image()
        given = environment_of(service, GIVEN)
        own = {name: value for name, value in ours.items() if name != "PATH"}
        own = {name: self.local(service, value) for name, value in own.items()}
        found = {name: self.local(service, value) for name, value in given.items()}
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        return {"PATH": path, "HOME": str(self.folder), "HOSTNAME": service} | own | found

    def command(self, service: str) -> list[str]:
        words = COMPOSE[service].get("command") or image()[1]
        words = [self.local(service, filled(word, GIVEN)) for word in words]
        if "--port" in words:
            words[words.index("--port") + 1] = str(self.ports[service])
        if words[0] == "redis-server":
            words += ["--port", str(self.ports[service]), "--bind", "127.0.0.1"]
        if "celery" in words:
            words += ["--hostname", f"celery@{service}"]  # a container has a host name of its own
        return words

    def start(self, service: str) -> None:
        (self.folder / service).mkdir(exist_ok=True)
        where = self.folder / service if service in STORES else ROOT
        with (self.folder / f"{service}.log").open("ab") as log:
            self.running[service] = subprocess.Popen(  # noqa: S603
                self.command(service), cwd=where, env=self.environment(service), stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip

    def run(self, service: str, words: list[str]) -> str:
        """A command to its end in a service's surroundings. Raises CalledProcessError with its last words."""
        done = subprocess.run(  # noqa: S603
            words, cwd=ROOT, env=self.environment(service), capture_output=True, text=True, timeout=400,
            check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout.strip()

    def is_healthy(self, service: str) -> bool:
        """Whether the service's own check passes; one that has ended fails the test at once."""
        ended = self.running[service].poll() if service in self.running else None
        assert ended is None, (self.folder / f"{service}.log").read_text()[-3000:]
        check = COMPOSE[service]["healthcheck"]
        kind, *words = [self.local(service, filled(word, GIVEN)) for word in check["test"]]
        if kind == "CMD-SHELL":
            words = ["sh", "-c", *words]
        if words[0] == "redis-cli":
            words += ["-p", str(self.ports[service])]
        if words[0] == "pg_isready":
            words += ["--host", "127.0.0.1", "--port", str(self.ports[service])]
        environment = self.environment(service)
        if service == "postgres":
            environment |= {"PATH": os.environ["PATH"]}
        done = subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, timeout=120, check=False)  # noqa: S603
        return done.returncode == 0

    def ask(self, service: str, path: str, body: object = None, **headers: str) -> tuple[int, dict]:
        data = None if body is None else json.dumps(body).encode()
        address = f"http://127.0.0.1:{self.ports[service]}{path}"
        request = urllib.request.Request(address, data=data, headers={**HEADERS, **headers})
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
            text = answer.read()
            return answer.status, json.loads(text) if text[:1] == b"{" else {}

    def stop(self) -> None:
        for process in self.running.values():
            process.terminate()
        for process in self.running.values():
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def test_the_services_do_in_processes_what_they_are_to_do_in_containers(tmp_path):
    for program in ("redis-server", "redis-cli", "pg_isready"):
        if shutil.which(program) is None:
            pytest.skip(f"needs {program}")
    assert {*STORES, *OURS, "postgres", "migrate", "backup", "proxy"} == COMPOSE.keys(), "one not tried here"
    with postgres() as cluster:
        account = filled(COMPOSE["postgres"]["environment"]["POSTGRES_USER"], GIVEN)
        for words in (
            f"CREATE ROLE {account} LOGIN PASSWORD '{GIVEN['POSTGRES_PASSWORD']}'",
            f"CREATE DATABASE {account} OWNER {account}",
        ):
            subprocess.run(["psql", cluster.url(), "-c", words], check=True, capture_output=True)  # noqa: S603, S607
        stack = Stack(tmp_path, cluster.port)
        try:
            play(stack)
        finally:
            stack.stop()
        assert all(process.returncode in (0, -signal.SIGTERM) for process in stack.running.values())


def play(stack: Stack) -> None:
    for name in STORES:
        stack.start(name)
    for name in ("postgres", *STORES):
        wait_for(f"{name}'s health", lambda name=name: stack.is_healthy(name), 60)
    # In the order that depends_on says: the one migration first, to its end.
    stack.run("migrate", ["python", "manage.py", "collectstatic", "--noinput"])  # a step of the image's build
    for _ in range(2):
        stack.run("migrate", stack.command("migrate"))
    for name in OURS:
        stack.start(name)
    for name in OURS:
        wait_for(f"{name}'s health", lambda name=name: stack.is_healthy(name), 300)
    key, job = stack.run("web", ["python", "manage.py", "shell", "--no-imports", "-c", SEED]).split()
    authorised = {"Authorization": f"Bearer {key}"}
    wait_for("a filled decision", lambda: decided(stack, authorised)["filled"], 30)
    decision = decided(stack, authorised)
    event = {"event_id": "drill:i", "kind": "impression", "token": decision["impression_token"]}
    status, answer = stack.ask("hot", "/api/v1/events", {"events": [event]}, **authorised)
    assert (status, answer["accepted"]) == (202, 1)
    status, page = stack.ask("web", f"/api/v1/render-jobs/{job}", **authorised)
    assert (status, page["id"]) == (200, job)

    def is_done() -> bool:
        found = stack.run("web", ["python", "manage.py", "shell", "--no-imports", "-c", STATE % job])
        state, creatives, events = json.loads(found)
        assert state not in ("failed", "dead"), found
        return state == "succeeded" and creatives > 0 and events == 1

    wait_for("the picture, and the event through the buffer", is_done, 400)
    for name in OURS:
        assert stack.is_healthy(name)
    stack.run("backup", stack.command("backup"))
    (backup,) = (stack.folder / "backups").iterdir()
    assert (backup / "adplatform.dump").stat().st_size > 0
    assert any((backup / "media").rglob("*"))


def decided(stack: Stack, authorised: dict[str, str]) -> dict:
    status, answer = stack.ask("hot", "/api/v1/decisions", {"placements": ["hero"]}, **authorised)
    assert status == 200
    return answer["decisions"][0]
