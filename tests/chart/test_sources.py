"""Rules and dashboard are those of deploy/, and the version is the project's."""

import json
import os
import re
import subprocess

import yaml

from charts import CHART, ROOT, only, render


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


def test_what_scales_is_recorded():
    (trigger,) = only(render("fleet"), "ScaledObject")["spec"]["triggers"]
    rules = only(render("fleet"), "PrometheusRule")["spec"]["groups"][0]["rules"]
    metric = re.search(r"latentd:\w+", trigger["metadata"]["query"]).group()
    assert metric in [each.get("record") for each in rules]


def test_the_version_is_the_project_s():
    version = re.search(r"project\(latentd VERSION ([0-9.]+)", (ROOT / "CMakeLists.txt").read_text()).group(1)
    assert yaml.safe_load((CHART / "Chart.yaml").read_text())["appVersion"] == version
