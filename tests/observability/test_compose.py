"""deploy/compose.yaml and what it mounts: of the right form, and of one piece. No Docker is needed."""

import importlib.util
import json
import os
import pathlib
import re
import subprocess
import sys

import jsonschema
import pytest
import yaml

from processes import ROOT

DEPLOY = ROOT / "deploy"


@pytest.fixture(scope="module")
def compose():
    return yaml.safe_load((DEPLOY / "compose.yaml").read_text())


def listed(service, name):
    return service.get(name) or []


def test_it_has_the_form_of_the_compose_specification(compose):
    # The specification's own schema, as it is in the wheel; the package itself is not used.
    folder = pathlib.Path(importlib.util.find_spec("check_jsonschema").submodule_search_locations[0])
    schema = json.loads((folder / "builtin_schemas/vendor/compose-spec.json").read_text())
    jsonschema.validate(compose, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(compose | {"services": {"latentd": {"comand": []}}}, schema)


def test_what_services_name_is_there(compose):
    for name, service in compose["services"].items():
        assert set(listed(service, "networks")) <= set(compose["networks"]), name
        assert set(listed(service, "depends_on")) <= set(compose["services"]), name
        for volume in listed(service, "volumes"):
            source, _, _ = volume.partition(":")
            assert (DEPLOY / source).exists() if source.startswith(".") else source in compose["volumes"], volume


def test_every_service_is_confined(compose):
    for name, service in compose["services"].items():
        assert service["read_only"] and service["cap_drop"] == ["ALL"], name
        assert all(port.startswith("127.0.0.1:") for port in listed(service, "ports")), name


def test_its_targets_are_in_the_dockerfile(compose):
    stages = {line.split()[-1] for line in (ROOT / "Dockerfile").read_text().splitlines() if line.startswith("FROM ")}
    targets = {service["build"]["target"] for service in compose["services"].values() if "build" in service}
    assert targets == {"cpu", "edge"} and targets <= stages


def test_latentd_knows_its_flags(compose):
    text = subprocess.run([os.environ["LATENTD_BINARY"], "--help"], capture_output=True, text=True, check=True).stdout
    for flag in compose["services"]["latentd"]["command"]:
        assert flag.partition("=")[0] in text.split(), flag


def test_it_waits_as_long_as_models_take_by_the_image_s_own_check(compose):
    check = compose["services"]["latentd"]["healthcheck"]
    [image] = re.findall(r"^HEALTHCHECK .*CMD (\[\"latentctl.*\])$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert check["test"] == ["CMD", *json.loads(image)] and check["start_period"] == "15m"


@pytest.mark.parametrize("answer, healthy", [("PONG", True), ("LOADING Redis is loading the dataset in memory", False), ("", False)])
def test_a_redis_that_still_reads_is_not_healthy(compose, tmp_path, answer, healthy):
    kind, command = compose["services"]["redis"]["healthcheck"]["test"]
    assert kind == "CMD-SHELL"
    (tmp_path / "redis-cli").write_text(f"#!/bin/sh\necho '{answer}'\n")
    (tmp_path / "redis-cli").chmod(0o755)
    done = subprocess.run(["sh", "-c", command], env={"PATH": f"{tmp_path}:/usr/bin:/bin"})
    assert (done.returncode == 0) == healthy


def test_redis_writes_each_change_once(compose):
    """By its append-only file; snapshots, which it makes by default, would be written beside it."""
    command = compose["services"]["redis"]["command"]
    flags = dict(zip(command[1::2], command[2::2], strict=True))
    assert command[0] == "redis-server"
    assert flags["--save"] == "" and flags["--appendonly"] == "yes" and flags["--appendfsync"] == "always"


def test_the_edge_takes_its_flags(compose, tmp_path):
    command = compose["services"]["edge"]["command"]
    fixed = ["--descriptors", os.environ["LATENTD_DESCRIPTORS"], "--secrets", str(tmp_path)]
    config = subprocess.run([sys.executable, DEPLOY / "envoy/render.py", *fixed, *command], capture_output=True, text=True, check=True).stdout
    cluster = yaml.safe_load(config)["static_resources"]["clusters"][0]
    [endpoint] = cluster["load_assignment"]["endpoints"][0]["lb_endpoints"]
    address = endpoint["endpoint"]["address"]["socket_address"]
    # All addresses of the name, not one of them.
    assert cluster["type"] == "STRICT_DNS" and address == {"address": "latentd", "port_value": 50051}


def test_prometheus_takes_its_configuration():
    promtool = os.environ["LATENTD_PROMTOOL"]
    done = subprocess.run([promtool, "check", "config", DEPLOY / "prometheus/prometheus.yaml"], capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "rules found" in done.stdout, done.stdout + done.stderr


def test_the_dashboard_is_where_grafana_looks(compose):
    provider = yaml.safe_load((DEPLOY / "grafana/provisioning/dashboards/latentd.yaml").read_text())["providers"][0]
    mounts = [volume.split(":")[:2] for volume in compose["services"]["grafana"]["volumes"]]
    assert ["./grafana/latentd.json", f"{provider['options']['path']}/latentd.json"] in mounts
