"""The files in deploy/ start what there is, with options that exist, and give away no more than the work needs.

``make deploy-check`` has them read by the programs that they are for.
"""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.main import get_command

from participant_kit.cli.main import app

DEPLOY = Path(__file__).parents[2] / "deploy"
FILES = sorted(path for path in DEPLOY.rglob("*") if path.is_file())
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
DOCUMENTS = [
    document
    for path in sorted((DEPLOY / "kubernetes").glob("*.yaml"))
    for document in yaml.safe_load_all(path.read_text())
]
DEPLOYMENTS = [document for document in DOCUMENTS if document["kind"] == "Deployment"]


def settings(unit: Path) -> dict[str, list[str]]:
    """What a unit says, by key; a key may come more than once."""
    found: dict[str, list[str]] = {}
    for line in unit.read_text().splitlines():
        if "=" in line and not line.startswith("#"):
            key, _, value = line.partition("=")
            found.setdefault(key, []).append(value)
    return found


def check_words(words: list[str]) -> None:
    """Fail unless ``words``, which begin with ``pkit``, are a command with options that it has."""
    command: Any = get_command(app)
    words = words[1:]
    while hasattr(command, "commands"):
        command = command.commands[words.pop(0)]
    options = {option for parameter in command.params for option in parameter.opts}
    assert {word.partition("=")[0] for word in words if word.startswith("--")} <= options, command.name


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_no_file_names_a_place_to_download_from(path: Path) -> None:
    addresses = set(re.findall(r"https?://[^\s'\"]+", path.read_text()))
    assert all("example.org" in address for address in addresses)


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_a_unit_starts_a_command_that_exists(unit: Path) -> None:
    for line in settings(unit)["ExecStart"]:
        words = shlex.split(line)
        if words[0] == "/bin/sh":
            words = shlex.split(words[2].removeprefix("exec "))
        assert words[0] == "/opt/participant-kit/bin/pkit"
        check_words(words)


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_a_unit_has_no_privilege_and_writes_in_its_own_folders_alone(unit: Path) -> None:
    said = settings(unit)
    wanted = {"NoNewPrivileges": "yes", "ProtectSystem": "strict", "ProtectHome": "yes", "UMask": "0077"}
    assert {key: said[key] for key in wanted} == {key: [value] for key, value in wanted.items()}
    assert said["CapabilityBoundingSet"] == [""]
    assert said["User"][0].startswith("pkit-")


def test_a_runners_unit_leaves_open_what_its_sandbox_is_made_of() -> None:
    closed = {
        "RestrictNamespaces",
        "ProtectKernelTunables",
        "ProtectKernelLogs",
        "ProtectControlGroups",
        "PrivateUsers",
    }
    closed |= {"ProtectProc", "ProcSubset", "ProtectHostname", "MemoryDenyWriteExecute"}
    for name in ("runner", "rehearsal"):
        said = settings(DEPLOY / "systemd" / f"pkit-{name}.service")
        assert not closed & said.keys()
        assert said["Delegate"] == ["yes"]
        assert said["KillMode"] == ["mixed"], "or the notebook is told to stop with its runner, and there is no drain"
        assert {"sethostname", "unshare", "setns"} <= set(said["SystemCallFilter"][0].split()), "bubblewrap calls them"
        assert "PrivateTmp" not in said, "the mark of the other role is in the machine's own /tmp"
        assert "--token-file" in said["ExecStart"][0] and "LoadCredential" in said


def test_the_roles_of_the_runner_are_never_at_work_on_one_machine() -> None:
    for name, other in (("runner", "rehearsal"), ("rehearsal", "runner")):
        assert settings(DEPLOY / "systemd" / f"pkit-{name}.service")["Conflicts"] == [f"pkit-{other}.service"]


@pytest.mark.parametrize("path", sorted((DEPLOY / "containers").iterdir()), ids=lambda path: path.suffix)
def test_a_container_runs_as_nobody_in_particular_and_starts_what_there_is(path: Path) -> None:
    lines = path.read_text().splitlines()
    users = [line.split()[1] for line in lines if line.startswith("USER ")]
    assert users and users[-1] not in ("0", "root")
    said = {
        line.split(" ", 1)[0]: yaml.safe_load(line.split(" ", 1)[1]) for line in lines if line[:3] in ("ENT", "CMD")
    }
    words = [*said.get("ENTRYPOINT", []), *said["CMD"]]
    if words[0] == "pkit":
        check_words(words)


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=lambda deployment: deployment["metadata"]["name"])
def test_a_pod_has_no_privilege_and_no_account_and_its_words_exist(deployment: dict[str, Any]) -> None:
    pod = deployment["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    held = container["securityContext"]
    assert (held["allowPrivilegeEscalation"], held["readOnlyRootFilesystem"]) == (False, True)
    assert held["capabilities"] == {"drop": ["ALL"]}
    assert {"startupProbe", "livenessProbe"} <= container.keys()
    check_words(["pkit", container["image"].partition(":")[0].removeprefix("pkit-"), *container["args"]])
    drain = next((word.partition("=")[2] for word in container["args"] if word.startswith("--drain-seconds")), "1800")
    assert pod["terminationGracePeriodSeconds"] > float(drain)


def test_a_runner_in_a_cluster_is_reached_by_nobody_and_reaches_names_and_one_address() -> None:
    (policy,) = [each for each in DOCUMENTS if each["kind"] == "NetworkPolicy" and each["metadata"]["name"] == "runner"]
    assert policy["spec"]["policyTypes"] == ["Ingress", "Egress"]
    assert policy["spec"]["ingress"] == []
    names, gateway = policy["spec"]["egress"]
    assert {port["port"] for port in names["ports"]} == {53}
    assert gateway["to"][0]["ipBlock"]["cidr"].endswith("/32")
    (runner,) = [each for each in DEPLOYMENTS if each["metadata"]["name"] == "runner"]
    assert "ports" not in runner["spec"]["template"]["spec"]["containers"][0]


def test_every_number_that_an_alert_looks_at_is_counted() -> None:
    from participant_kit.gateway import metrics
    from participant_kit.secure_side import watch

    counted = {name for registry in (metrics.REGISTRY, watch.REGISTRY) for name in registry._names_to_collectors}
    counted |= {"pkit_gateway_database_up", "pkit_gateway_queue_oldest_seconds"}  # made at each look
    rules = (DEPLOY / "prometheus" / "alerts.yaml").read_text()
    asked = set(re.findall(r"pkit_\w+", rules))
    assert asked and asked <= counted
    assert all(rule["annotations"]["summary"] for rule in yaml.safe_load(rules)["groups"][0]["rules"])
