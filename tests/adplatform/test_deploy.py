"""Dockerfile, compose.yaml and the manifests: what can be known of them without a container."""

from __future__ import annotations

import fnmatch
import os
import re
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
import yaml
from django.conf import settings
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from accounts.tasks import accounts_purge
from adplatform.celery import app
from adplatform.hot_urls import PREFIXES
from adplatform.management.commands.backup import backups_drop
from adplatform.supervisor import worker_children
from generation import queue
from generation.models import Draft, RenderBatch, RenderJob
from tests import factories
from tests.compose_file import COMPOSE, environment_of

ROOT = settings.BASE_DIR
OTHERS = ("postgres", "redis", "buffer", "proxy")  # whose images are not ours
ONCE = ("migrate", "backup")  # run to their end
PROGRAMS = [name for name in COMPOSE if name not in OTHERS]
MANIFESTS = [
    document
    for path in sorted((ROOT / "deploy" / "kubernetes").rglob("*.yaml"))
    for document in yaml.safe_load_all(path.read_text())
]


def pods() -> dict[str, dict]:
    """Workload -> its pod's specification."""
    found = {**manifests("Deployment"), **manifests("Job")}
    jobs = {name: each["spec"]["jobTemplate"] for name, each in manifests("CronJob").items()}
    return {name: workload["spec"]["template"]["spec"] for name, workload in {**found, **jobs}.items()}


def manifests(kind: str) -> dict[str, dict]:
    return {found["metadata"]["name"]: found for found in MANIFESTS if found["kind"] == kind}


def container_of(program: str) -> dict:
    """The container that runs a service of compose.yaml; what fetches pictures shares the worker's pod."""
    found = pods()[f"adplatform-{'worker' if program == 'fetch' else program}"]["containers"]
    return next(each for each in found if program != "fetch" or each["name"] == "fetch")


def command_of(program: str) -> list[str] | None:
    """Without the name that tells the worker from another of its pod."""
    command = container_of(program).get("command")
    if command and "--hostname" in command:
        at = command.index("--hostname")
        command = command[:at] + command[at + 2 :]
    return command


def queues_of(command: list[str]) -> set[str]:
    return set(command[command.index("--queues") + 1].split(","))


def test_only_the_proxy_is_reachable_and_only_from_its_own_machine():
    assert [name for name, service in COMPOSE.items() if "ports" in service] == ["proxy"]
    assert all(port.startswith("127.0.0.1:") for port in COMPOSE["proxy"]["ports"])


# --- the hot worker group
def test_the_hot_group_has_processes_and_pods_of_its_own():
    commands = (
        COMPOSE["hot"]["command"],
        manifests("Deployment")["adplatform-hot"]["spec"]["template"]["spec"]["containers"][0]["command"],
    )
    for command in commands:
        assert "adplatform.hot_wsgi:application" in command
        assert "--respawn-failed-workers" in command
    image = next(line for line in (ROOT / "Dockerfile").read_text().splitlines() if line.startswith("CMD"))
    assert "adplatform.wsgi:application" in image, "what web runs"
    assert "command" not in COMPOSE["web"]
    for name in ("adplatform-hot", "adplatform-web"):
        target = manifests("HorizontalPodAutoscaler")[name]["spec"]["scaleTargetRef"]["name"]
        assert target == name == manifests("Service")[name]["spec"]["selector"]["app"]
        assert name in manifests("PodDisruptionBudget")


def test_what_the_hot_group_answers_is_sent_to_it_and_nothing_else():
    paths = manifests("Ingress")["adplatform"]["spec"]["rules"][0]["http"]["paths"]
    sent = {path["path"]: path["backend"]["service"]["name"] for path in paths}
    assert sent == {**dict.fromkeys(PREFIXES, "adplatform-hot"), "/": "adplatform-web"}
    configuration = (ROOT / "deploy" / "nginx" / "nginx.conf").read_text()
    locations = dict(re.findall(r"location (/\S*) \{[^}]*proxy_pass http://(\w+);", configuration))
    assert locations == {**dict.fromkeys(PREFIXES, "hot"), "/": "pages"}
    servers = dict(re.findall(r"upstream (\w+) \{\s*server (\w+):8000;", configuration))
    assert servers == {"hot": "hot", "pages": "web"}
    assert set(servers.values()) <= set(COMPOSE["proxy"]["depends_on"])


def test_a_buffer_for_events_survives_a_restart_and_somebody_drains_it():
    buffer, drain = COMPOSE["buffer"], COMPOSE["drain"]
    assert buffer["profiles"] == drain["profiles"] == ["buffer"], "only when it is asked for"
    assert buffer["command"][buffer["command"].index("--appendonly") + 1] == "yes"
    assert buffer["volumes"]
    pod = manifests("Deployment")["adplatform-drain"]["spec"]["template"]["spec"]["containers"][0]
    for command, check in (
        (drain["command"], " ".join(drain["healthcheck"]["test"])),
        (pod["command"], " ".join(pod["livenessProbe"]["exec"]["command"])),
    ):
        assert command[:3] == ["python", "manage.py", "events_drain"]
        assert command[command.index("--alive-file") + 1] in check


def test_everything_that_stays_is_watched_and_waits_for_the_one_migration():
    for name, service in COMPOSE.items():
        assert ("healthcheck" in service) == (name not in ONCE), name
    assert COMPOSE["migrate"]["restart"] == "no"
    for name in {*PROGRAMS} - {"migrate"}:
        assert COMPOSE[name]["depends_on"]["migrate"]["condition"] == "service_completed_successfully"
        assert COMPOSE[name]["cap_drop"] == ["ALL"]


def test_whatever_ends_is_started_again():
    """A hot worker killed twice within seconds ends granian, and with it the container."""
    for name, service in COMPOSE.items():
        assert service["restart"] == ("no" if name in ONCE else "unless-stopped"), name
    for name, workload in manifests("Deployment").items():
        assert workload["spec"]["template"]["spec"].get("restartPolicy", "Always") == "Always", name
    job = manifests("Job")["adplatform-migrate"]["spec"]
    assert (job["template"]["spec"]["restartPolicy"], job["backoffLimit"] > 0) == ("Never", True)


@pytest.mark.django_db
def test_pods_run_what_the_services_run_and_are_probed_at_what_answers(client):
    for name in PROGRAMS:
        container = container_of(name)
        assert command_of(name) == COMPOSE[name].get("command"), name
        assert container["image"].removesuffix("-gpu") == COMPOSE[name]["image"]
        for probe in (container.get(kind, {}) for kind in ("livenessProbe", "readinessProbe")):
            if "httpGet" in probe:
                assert client.get(probe["httpGet"]["path"]).status_code == 200
                assert probe["httpGet"]["port"] in {port["name"] for port in container["ports"]}
    # The same checks by exec, but for the shell's way of naming the host.
    for name in ("worker", "render"):
        container = container_of(name)
        check = COMPOSE[name]["healthcheck"]["test"][1].replace("$$", "$")
        assert container["livenessProbe"]["exec"]["command"][-1] == check


def test_no_secret_has_a_default():
    for name in ("SECRET_KEY", "PROFILES_PSEUDONYM_KEY", "ALLOWED_HOSTS"):
        assert COMPOSE["web"]["environment"][name].startswith(f"${{{name}:?"), "compose refuses to start"
    for document in MANIFESTS:
        assert document["kind"] != "Secret"


def test_no_key_stands_twice():
    class Strict(yaml.SafeLoader):
        def construct_mapping(self, node, deep=False):
            names = [key.value for key, _ in node.value if key.value != "<<"]
            assert len(names) == len(set(names)), f"{node.start_mark}: {names}"
            return super().construct_mapping(node, deep)

    for path in [ROOT / "compose.yaml", *(ROOT / "deploy").rglob("*.yaml")]:
        list(yaml.load_all(path.read_text(), Strict))


DECIDED = {  # by compose.yaml: its own stores and folders, and what follows from them
    "PRODUCTION", "BEHIND_PROXY", "READY_STALE_SECONDS", "DATABASE_URL", "CELERY_BROKER_URL", "CACHE_URL",
    "VAR_DIR", "STATIC_ROOT",
}  # fmt: skip


def test_every_setting_of_the_example_reaches_every_process():
    lines = re.findall(r"^# (\w+)=(.*)$", (ROOT / ".env.example").read_text(), re.MULTILINE)
    assert len(lines) > 80
    assert not [line for line in lines if "#" in line[1]], "a comment behind a value is part of it"
    given = {name: f"value-of-{name}" for name, _ in lines} | {"POSTGRES_PASSWORD": "p"}
    for program in PROGRAMS:
        seen = environment_of(program, given)
        missing = {name for name, _ in lines if seen.get(name) != given[name]}
        assert missing == DECIDED, program
    for name, pod in pods().items():
        for container in [*pod.get("initContainers", []), *pod["containers"]]:
            sources = [
                (kind, source["name"]) for each in container["envFrom"] for kind, source in each.items()
            ]
            assert sources == [("configMapRef", "adplatform"), ("secretRef", "adplatform")], name
            assert "env" not in container, "a setting of its own would hide the map's"


def test_every_variable_is_one_that_the_settings_read():
    files = [*(ROOT / "adplatform").glob("*settings.py"), ROOT / "adplatform" / "environment.py"]
    source = "\n".join(file.read_text() for file in files)
    known = set(re.findall(r'env\.\w+\(\s*"(\w+)"', source))
    used = {
        *COMPOSE["web"]["environment"],
        *manifests("ConfigMap")["adplatform"]["data"],
        *re.findall(r"--from-literal=(\w+)", (ROOT / "deploy" / "kubernetes" / "README.md").read_text()),
    }
    assert {name for name in used if not name.startswith("AWS_")} <= known
    documented = set(re.findall(r"^# (\w+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    assert known <= documented


def test_the_image_runs_as_nobody_in_particular_and_holds_no_secret():
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    last_stage = lines[max(i for i, line in enumerate(lines) if line.startswith("FROM")) :]
    assert "USER 10001" in last_stage
    ignored = (ROOT / ".dockerignore").read_text().split()
    assert all(any(fnmatch.fnmatch(name, rule) for rule in ignored) for name in (".env", ".git", "var"))
    pattern = re.search(r"grep -oE '([^']+)'", "\n".join(lines))[1]
    found = re.findall(pattern, (ROOT / "requirements.txt").read_text(), re.MULTILINE)
    assert len(found) == 1, "the build takes the one torch pin from requirements.txt"


def test_the_image_can_make_a_backup_and_something_keeps_it():
    last_stage = (ROOT / "Dockerfile").read_text().rpartition("\nFROM ")[2]
    assert re.search(r"apt-get install .*\bpostgresql-client\b", last_stage), "pg_dump and pg_restore"
    command = COMPOSE["backup"]["command"]
    assert command[:4] == ["python", "manage.py", "backup", "/backups"]
    assert re.search(r"install --directory --owner=adplatform .* /backups\b", last_stage), (
        "a new volume is ours"
    )
    assert set(COMPOSE["backup"]["volumes"]) == {"media:/srv/adplatform", "${BACKUPS:-backups}:/backups"}
    pod = pods()["adplatform-backup"]
    mounts = {mount["mountPath"]: mount["name"] for mount in pod["containers"][0]["volumeMounts"]}
    (volume,) = [each for each in pod["volumes"] if each["name"] == mounts["/backups"]]
    assert volume["persistentVolumeClaim"]["claimName"] in manifests("PersistentVolumeClaim")


def test_only_the_newest_backups_are_kept_and_nothing_else_is_touched(tmp_path):
    for name in ("20261123-020000", "20261124-020000", "20261125-020000", "photos", "20261122-020000.tar"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "adplatform.dump").write_text("x")
    assert [path.name for path in backups_drop(tmp_path, keep=2)] == ["20261123-020000"]
    assert backups_drop(tmp_path, keep=2) == []
    kept = {path.name for path in tmp_path.iterdir()}
    assert kept == {"20261124-020000", "20261125-020000", "photos", "20261122-020000.tar"}
    with pytest.raises(CommandError, match="at least 1"):
        call_command("backup", str(tmp_path), keep=0)


def test_what_must_outlive_a_pod_lies_in_no_pod():
    config = manifests("ConfigMap")["adplatform"]["data"]
    assert config["S3_BUCKET"]
    assert "RIGHTS_TOMBSTONE_LOG" not in config, "in the bucket"
    for name in (
        "adplatform-web",
        "adplatform-worker",
        "adplatform-render",
    ):  # they sign and verify creatives
        pod = manifests("Deployment")[name]["spec"]["template"]["spec"]
        secrets = {volume["name"] for volume in pod["volumes"] if "secret" in volume}
        mounts = {m["mountPath"] for m in pod["containers"][0]["volumeMounts"] if m["name"] in secrets}
        for variable in ("C2PA_CERTIFICATES", "C2PA_PRIVATE_KEY"):
            assert str(Path(config[variable]).parent) in mounts, name
            readme = (ROOT / "deploy" / "kubernetes" / "README.md").read_text()
            assert f"--from-file=c2pa/{Path(config[variable]).name}" in readme


@pytest.mark.parametrize("where", ["compose", "kubernetes"])
def test_every_queue_has_a_worker_and_one_worker_has_the_beat(where):
    workers = ("worker", "render", "fetch")
    commands = [COMPOSE[name]["command"] if where == "compose" else command_of(name) for name in workers]
    assert set.union(*map(queues_of, commands)) == {
        app.conf.task_default_queue,
        *(route["queue"] for route in app.conf.task_routes.values()),
    }
    assert ["--beat" in command for command in commands] == [True, False, False]
    assert all(command[command.index("--concurrency") + 1] == "1" for command in commands)


def test_serve_lets_nothing_wait_behind_the_hosts_of_pictures():
    commands = [list(child.command) for child in worker_children()]
    assert [queues_of(command) for command in commands] == [{"default", "gpu"}, {"pictures"}]
    assert ["--beat" in command for command in commands] == [True, False]


def test_every_pod_runs_without_rights_and_is_probed():
    assert len(pods()) == 7
    deployments = manifests("Deployment")
    for name, pod in pods().items():
        assert pod["securityContext"]["runAsNonRoot"] is True
        for container in [*pod.get("initContainers", []), *pod["containers"]]:
            assert container["securityContext"]["capabilities"]["drop"] == ["ALL"]
        if workload := deployments.get(name):
            assert "livenessProbe" in pod["containers"][0], name
            assert pod["initContainers"][0]["command"] == ["python", "manage.py", "migrate", "--check"]
            labels = workload["spec"]["template"]["metadata"]["labels"]
            assert labels == workload["spec"]["selector"]["matchLabels"]


def test_a_message_is_dropped_when_the_next_one_of_its_kind_is_there():
    for name, entry in app.conf.beat_schedule.items():
        period = entry["schedule"] if isinstance(entry["schedule"], float) else 86_400
        assert entry["options"]["expires"] == max(period, 30), name


def test_no_message_goes_to_another_worker_while_its_task_may_still_run():
    code = (
        "from adplatform import settings as s; "
        "print(s.CELERY_BROKER_TRANSPORT_OPTIONS['visibility_timeout'] - s.CELERY_TASK_TIME_LIMIT)"
    )
    environment = {**os.environ, "CELERY_BROKER_URL": "redis://127.0.0.1:6379/9"}
    command = [sys.executable, "-c", code]
    found = subprocess.run(  # noqa: S603
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    assert int(found.stdout) >= 60


@pytest.mark.django_db
def test_sessions_that_are_over_are_cleared_away():
    over = SessionStore()
    over["of"] = "last year"
    over.save()
    Session.objects.update(expire_date=timezone.now() - timedelta(days=1))
    SessionStore().save()
    accounts_purge()
    assert Session.objects.count() == 1


def test_whatever_loads_an_image_model_goes_to_the_render_workers():
    for name in ("render_wake", "draft_wake"):
        assert app.amqp.router.route({}, f"generation.tasks.{name}")["queue"].name == "gpu"
    assert app.amqp.router.route({}, "generation.tasks.render_sweep")["queue"].name == "default"


def pods_wanted() -> int:
    """What KEDA would count."""
    trigger = manifests("ScaledObject")["adplatform-render"]["spec"]["triggers"][0]
    with connection.cursor() as cursor:
        cursor.execute(trigger["metadata"]["query"])
        return cursor.fetchone()[0]


def test_render_pods_follow_the_queue_of_record(shop):
    for take in range(3):
        factories.make_render_job(shop, take=take)
    due, waiting, _ = RenderJob.objects.order_by("created_at")
    past, future = timezone.now() - timedelta(hours=25), timezone.now() + timedelta(hours=25)
    RenderJob.objects.update(available_at=past)
    RenderJob.objects.filter(pk=waiting.pk).update(available_at=future)
    RenderJob.objects.filter(pk=due.pk).update(
        status="leased", lease_owner="a", lease_expires_at=future, lease_epoch=1
    )
    assert pods_wanted() == 2 == queue.jobs_due(now=timezone.now()).count() + 1, "the running and the due one"


def test_a_paused_batch_starts_no_render_pod_and_a_waiting_draft_does(shop):
    paused, running = (
        RenderBatch.objects.create(advertiser=shop, name=status, status=status, asked_count=2)
        for status in (RenderBatch.Status.PAUSED, RenderBatch.Status.OPEN)
    )
    past = timezone.now() - timedelta(hours=25)
    for take, batch in enumerate((paused, paused, running, None)):
        job = factories.make_render_job(shop, take=take)
        RenderJob.objects.filter(pk=job.pk).update(batch=batch, available_at=past)
    assert pods_wanted() == queue.jobs_due(now=timezone.now()).count() == 2
    for number, status in enumerate(Draft.Status.values):
        Draft.objects.create(advertiser=shop, brief={}, fingerprint=str(number), status=status)
    assert pods_wanted() == 3, "and the one draft that is not drawn yet"
