"""docker-compose.yml: what each profile has, that every service is locked in, and that what it names exists."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Final

import pytest

from proxy import __version__

from ..support.real import require
from ..test_packaging import image_environment, instructions
from .project import FILE, OWN, PROFILES, ROOT, Service, mounted, project, read, temporary, whole

ALWAYS: Final = {"joinwatch", "prometheus", "alertmanager", "grafana"}
REPLICAS: Final = {"joinwatch-a", "joinwatch-b", "joinwatch-c"}
OF_PROFILE: Final = {"demo": {"joinwatch-demo"}, "replicas": {*REPLICAS, "balancer", "postgres"}}
OURS: Final = {"joinwatch", "joinwatch-demo", *REPLICAS}

FOR_BROWSERS: Final = {("joinwatch", 4000), ("balancer", 4000)}
"""The ports that are meant for everybody: those of the signatures."""

WRITTEN_TO: Final = {
    "alertmanager": "/alertmanager",
    "grafana": "/var/lib/grafana",
    "postgres": "/var/lib/postgresql/data",
    "prometheus": "/prometheus",
}
"""VOLUME of the images that are not ours (for grafana, GF_PATHS_DATA)."""

each_service = pytest.mark.parametrize("name", sorted(ALWAYS.union(*OF_PROFILE.values())))


def service(name: str) -> Service:
    """One of all services."""
    return whole().services[name]


def is_ours(name: str) -> bool:
    """Whether it runs the image of our Dockerfile."""
    return "build" in service(name)


# Profiles


@pytest.mark.parametrize("profiles", [(), ("demo",), ("replicas",), PROFILES], ids="+".join)
def test_what_a_profile_starts(profiles: tuple[str, ...]) -> None:
    expected = ALWAYS.union(*(OF_PROFILE[profile] for profile in profiles))
    assert set(project(*profiles).services) == expected
    assert set(project(*profiles, files=(FILE, OWN)).services) == expected


def test_the_first_start_needs_no_secret() -> None:
    for profiles in ((), ("demo",)):
        services = project(*profiles).services
        assert {name: one["secrets"] for name, one in services.items() if one.get("secrets")} == {}


def test_own_addresses_and_configuration() -> None:
    env = {
        "JOINWATCH_LISTEN__PUBLIC": "127.0.0.1:5000",
        "JOINWATCH_LISTEN__ADMIN": "127.0.0.1:5001",
        "JOINWATCH_CONFIG": "joinwatch.example.toml",
    }
    joinwatch = read((FILE,), env).services["joinwatch"]
    published = [(port["host_ip"], port["published"], port["target"]) for port in joinwatch["ports"]]
    assert published == [("127.0.0.1", "5000", 4000), ("127.0.0.1", "5001", 4001)]
    configuration = mounted(joinwatch, "bind")["/etc/joinwatch/joinwatch.toml"]
    assert configuration["source"] == str(ROOT / "joinwatch.example.toml")


# What Prometheus asks

PROMETHEUS: Final = ROOT / "dashboards" / "prometheus"


def test_a_service_that_is_always_there_is_always_a_target() -> None:
    for service_name, port in (("joinwatch", 4001), ("alertmanager", 9093)):
        targets = (PROMETHEUS / "targets" / f"{service_name}.yml").read_text(encoding="utf-8")
        assert re.findall(r"^- targets: \[(.*)\]$", targets, re.MULTILINE) == [f"{service_name}:{port}"]


def test_a_service_of_a_profile_is_a_target_while_it_is_there() -> None:
    config = (PROMETHEUS / "prometheus.yml").read_text(encoding="utf-8")
    [names] = re.findall(r"^ +- names: \[(.*)\]\n +type: A\n +port: 4001$", config, re.MULTILINE)
    assert set(names.split(", ")) == OURS - {"joinwatch"}


def test_the_admin_listeners_answer_by_these_names() -> None:
    """Prometheus calls them so, and any other name gets 403."""
    for name in OURS:
        env = {**image_environment(), **(service(name).get("environment") or {})}
        assert env["JOINWATCH_LISTEN__ADMIN_HOSTS"] == name


# What Grafana asks and shows

DASHBOARDS: Final = ROOT / "dashboards"


def test_grafana_s_sources_are_services() -> None:
    text = (DASHBOARDS / "provisioning" / "datasources" / "joinwatch.yml").read_text(encoding="utf-8")
    urls = re.findall(r"^    url: http://(\w+):(\d+)$", text, re.MULTILINE)
    assert {name: int(port) for name, port in urls} == {"prometheus": 9090, "alertmanager": 9093}
    assert service("prometheus")["ports"][0]["target"] == 9090
    assert not service("alertmanager").get("ports"), "any page of any origin could silence every alert"


def test_grafana_finds_the_dashboards_and_begins_with_one() -> None:
    files = mounted(service("grafana"), "bind")
    provider = (DASHBOARDS / "provisioning" / "dashboards" / "joinwatch.yml").read_text(encoding="utf-8")
    [place] = re.findall(r"^      path: (.+)$", provider, re.MULTILINE)
    assert files[place]["source"] == str(DASHBOARDS / "grafana")
    first = Path(service("grafana")["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])
    assert (DASHBOARDS / "grafana" / first.relative_to(place)).is_file()


# Images


@each_service
def test_images_are_pinned(name: str) -> None:
    image, _, tag = service(name)["image"].partition(":")
    if is_ours(name):
        assert (image, tag) == ("joinwatch", __version__)
        assert service(name)["pull_policy"] == "build"  # nobody else's image of that name
    else:
        assert re.fullmatch(r"v?\d+\.\d+(\.\d+)?(-[a-z]+)?", tag)


def test_which_are_ours() -> None:
    assert {name for name in whole().services if is_ours(name)} == OURS


# Locked in


@each_service
def test_a_service_may_do_little(name: str) -> None:
    one = service(name)
    assert one["read_only"] is True
    assert one["cap_drop"] == ["ALL"]
    assert one["security_opt"] == ["no-new-privileges:true"]
    assert re.fullmatch(r"[1-9]\d*:\d+", one["user"])
    assert not {"cap_add", "devices", "ipc", "network_mode", "pid", "privileged", "group_add"} & set(one)
    assert int(one["mem_limit"]) <= 2**30
    assert one["pids_limit"] <= 256
    assert one["restart"] == ("on-failure" if name == "joinwatch-demo" else "unless-stopped")
    assert one["logging"] == {"driver": "local", "options": {"max-size": "20m", "max-file": "5"}}


@each_service
def test_a_service_can_write_where_it_must_and_keeps_it(name: str) -> None:
    one = service(name)
    writable = {*mounted(one, "volume"), *temporary(one)}
    if is_ours(name):
        [place] = instructions("VOLUME")
        assert place.text in writable
        [user] = instructions("USER")
        assert one["user"] == user.text
    elif name in WRITTEN_TO:
        assert WRITTEN_TO[name] in mounted(one, "volume")
    assert not set(mounted(one, "volume")) & temporary(one)


def test_every_volume_is_named_and_used_once() -> None:
    used = [mount["source"] for one in whole().services.values() for mount in mounted(one, "volume").values()]
    assert sorted(used) == sorted(whole().volumes)


@each_service
def test_a_service_says_whether_it_is_well(name: str) -> None:
    one = service(name)
    if is_ours(name):
        assert "healthcheck" not in one
        assert instructions("HEALTHCHECK")
    else:
        assert one["healthcheck"]["test"][0] == "CMD"
        assert one["healthcheck"]["retries"] >= 3


@each_service
def test_waiting_is_for_health(name: str) -> None:
    for waited in service(name).get("depends_on", {}).values():
        assert waited["condition"] == "service_healthy"


@each_service
def test_time_to_stop(name: str) -> None:
    """drain_delay_s and 40 s, as docs/operations.md asks for; what a kill would make slow to start has a minute."""
    one = service(name)
    delay = float((one.get("environment") or {}).get("JOINWATCH_LISTEN__DRAIN_DELAY_S", 0))
    if is_ours(name):
        assert _seconds(one["stop_grace_period"]) >= delay + 40
    elif name in {"postgres", "prometheus"}:
        assert _seconds(one["stop_grace_period"]) >= 60


def _seconds(text: str) -> float:
    found = re.fullmatch(r"(?:(\d+)m)?(?:(\d+)s)?", text)
    assert found is not None
    minutes, seconds = found.groups(default="0")
    return int(minutes) * 60 + int(seconds)


# Ports and networks


@each_service
def test_ports_are_for_this_machine_alone(name: str) -> None:
    for port in service(name).get("ports", []):
        expected = "0.0.0.0" if (name, port["target"]) in FOR_BROWSERS else "127.0.0.1"
        assert port["host_ip"] == expected


def test_no_two_services_want_one_port() -> None:
    published = [port["published"] for one in whole().services.values() for port in one.get("ports", [])]
    assert sorted(published) == sorted(set(published))


REACHES: Final = {
    "prometheus": {*OURS, "alertmanager"},
    "grafana": {"prometheus", "alertmanager"},
    "balancer": REPLICAS,
    **{replica: {"postgres"} for replica in REPLICAS},
}


@pytest.mark.parametrize("name", REACHES)
def test_who_reaches_whom(name: str) -> None:
    for other in REACHES[name]:
        assert set(service(name)["networks"]) & set(service(other)["networks"]), other


def test_the_database_is_for_the_replicas_alone() -> None:
    [only] = service("postgres")["networks"]
    assert {name for name, one in whole().services.items() if only in one["networks"]} == {
        "postgres",
        *REPLICAS,
    }
    assert whole().networks[only]["internal"] is True
    assert not service("postgres").get("ports")


# Secrets

SPEAKS_OF_SECRETS: Final = re.compile(r"PASSW|SECRET|TOKEN|KEY|CREDENTIAL|_URL")


@each_service
def test_no_secret_is_in_an_environment(name: str) -> None:
    one = service(name)
    given = {secret["target"] for secret in one.get("secrets", [])}
    for variable, value in (one.get("environment") or {}).items():
        if value.startswith("/run/secrets/"):
            assert value in given, variable
            assert variable.endswith("_FILE")
            given.discard(value)
        elif SPEAKS_OF_SECRETS.search(variable):
            assert value in ("true", "false"), variable
    assert given == set(), "given and not read"


def test_git_ignores_the_secrets() -> None:
    for secret in whole().secrets.values():
        path = Path(secret["file"]).relative_to(ROOT)
        command = (require("git"), "-C", str(ROOT), "check-ignore", "--quiet", str(path))
        assert subprocess.run(command, check=False).returncode == 0, path


# Files


@each_service
def test_what_is_mounted_is_in_the_repository(name: str) -> None:
    for target, mount in mounted(service(name), "bind").items():
        source = Path(mount["source"])
        assert source.is_relative_to(ROOT)
        assert source.exists(), source
        assert mount["read_only"] is True, target


def test_a_configuration_that_is_not_there_is_an_error() -> None:
    for name in {"joinwatch", *REPLICAS}:
        configuration = mounted(service(name), "bind")["/etc/joinwatch/joinwatch.toml"]
        assert configuration["bind"] == {"create_host_path": False}


def test_the_image_s_ledger_is_taken_away_from_replicas() -> None:
    [entry] = instructions("ENTRYPOINT")
    for name in REPLICAS:
        without, *rest = service(name)["entrypoint"][1:]
        assert without.removeprefix("--unset=") in image_environment()
        assert rest == entry.program()
