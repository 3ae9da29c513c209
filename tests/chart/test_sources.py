"""Rules and dashboard are those of deploy/, and the version is the project's."""

import json
import os
import re
import subprocess

import yaml

from charts import CHART, EXAMPLES, ROOT, helm, only, render


def test_rules_are_those_of_prometheus(tmp_path):
    spec = only(render("fleet"), "PrometheusRule")["spec"]
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(spec))
    subprocess.run([os.environ["LATENTD_PROMTOOL"], "check", "rules", tmp_path / "rules.yaml"], check=True, capture_output=True)
    wanted = yaml.safe_load((ROOT / "deploy/prometheus/alerts.yaml").read_text())
    for alert in wanted["groups"][1]["rules"]:
        alert["annotations"]["runbook_url"] = "https://runbooks.example.org/latentd/" + alert["annotations"]["runbook_url"]
    assert spec == wanted


def test_dashboard_is_grafana_s():
    text = only(render("fleet"), "ConfigMap", "r-latentd-dashboard")["data"]["latentd.json"]
    assert json.loads(text) == json.loads((ROOT / "deploy/grafana/latentd.json").read_text())


def test_what_scales_is_recorded_and_of_the_same_replicas():
    backlog, busy = (each["metadata"]["query"] for each in only(render("fleet"), "ScaledObject")["spec"]["triggers"])
    rules = only(render("fleet"), "PrometheusRule")["spec"]["groups"][0]["rules"]
    assert re.search(r"latentd:\w+", backlog).group() in [each.get("record") for each in rules]
    # The recorded speed is work by the same seconds, which tests/observability finds at a running latentd.
    assert re.search(r"latentd_\w+", busy).group() in rules[0]["expr"]
    labels = '{namespace="images", service="r-latentd-replicas"}'
    assert labels in backlog and labels in busy


def test_the_fleet_s_queue_lets_it_grow_to_its_largest():
    values = yaml.safe_load(EXAMPLES["fleet"].read_text())
    text = (ROOT / "deploy/SCALING.md").read_text()
    jobs = float(re.search(r"it is asked for ([0-9.]+) \(", text).group(1))  # that a replica does in a second
    scaling = values["autoscaling"]
    assert scaling["maxReplicas"] <= int(re.search(r"Redis' one processor, at (\d+) replicas", text).group(1))
    needed = scaling["maxReplicas"] * scaling["backlogSeconds"] * jobs
    assert values["config"]["max-queued-jobs"] >= needed
    assert sum(each["max_queued_jobs"] for each in values["tenants"]["tenants"].values()) >= needed


def test_the_readmes_show_what_is_said_at_the_end():
    notes = helm("install", "latentd", CHART, "--dry-run=client", "--values", EXAMPLES["laptop"]).partition("NOTES:\n")[2].strip()
    assert f"```text\n{notes}\n```" in (ROOT / "README.md").read_text()
    [latentctl] = re.findall(r"^  (latentctl\(\) .*)$", notes, re.MULTILINE)
    assert f"\n{latentctl}\n" in (CHART / "README.md").read_text()


def test_the_version_is_the_project_s():
    version = re.search(r"project\(latentd VERSION ([0-9.]+)", (ROOT / "CMakeLists.txt").read_text()).group(1)
    assert yaml.safe_load((CHART / "Chart.yaml").read_text())["appVersion"] == version
