"""The rules as promtool judges them, each alert's test and runbook section, and the dashboards' expressions and form."""

import os
import re
import subprocess

import yaml

from processes import ROOT

RULES = ROOT / "deploy/prometheus/alerts.yaml"


def promtool(*arguments):
    done = subprocess.run([os.environ["LATENTD_PROMTOOL"], *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_rules_are_well_formed():
    promtool("check", "rules", RULES)


def test_alerts_fire_when_they_should():
    promtool("test", "rules", ROOT / "tests/observability/alerts_test.yaml")


def test_each_alert_is_tested_both_ways(alerts, rule_tests):
    cases = [case for test in rule_tests for case in test.get("alert_rule_test", [])]
    firing = {case["alertname"] for case in cases if case.get("exp_alerts")}
    quiet = {case["alertname"] for case in cases if not case.get("exp_alerts")}
    names = {alert["alert"] for alert in alerts}
    assert (firing, quiet) == (names, names)


def test_each_alert_has_a_severity_and_a_section_of_the_runbook(alerts):
    runbook = (ROOT / "deploy/prometheus/runbook.md").read_text()
    sections = re.findall(r"^## (Latentd.*)$", runbook, re.MULTILINE)
    assert sections == [alert["alert"] for alert in alerts], "in the order of the alerts"
    for section in re.split(r"^## ", runbook, flags=re.MULTILINE)[1:]:
        assert re.findall(r"^\*\*(\w+)\*\*", section, re.MULTILINE) == ["Means", "Look", "Do"], section.split("\n")[0]
    for alert in alerts:
        assert alert["labels"]["severity"] in ("critical", "warning")
        assert alert["annotations"]["runbook_url"] == f"runbook.md#{alert['alert'].lower()}"
        assert {"summary", "description"} <= set(alert["annotations"])


def test_what_the_runbook_links_to_is_there(dashboards):
    runbook = (ROOT / "deploy/prometheus/runbook.md").read_text()
    for target in re.findall(r"\]\(([^)]+)\)", runbook):
        file, _, anchor = target.partition("#")
        assert not file or (RULES.parent / file).is_file(), target
        assert not anchor or f"## {anchor}\n" in runbook.lower(), target
    titles = {panel["title"] for dashboard in dashboards.values() for panel in dashboard.panels}
    for line in re.findall(r'Dashboard, (.*?)[:.]', runbook) + re.findall(r'\("([A-Z][^"]+)"', runbook):
        assert set(re.findall(r'"([^"]+)"', line) or [line]) <= titles, line


def test_the_dashboards_expressions_are_promql(dashboards, tmp_path):
    queries = [query for dashboard in dashboards.values() for query in dashboard.queries]
    assert queries
    filled = [expression.replace("$__rate_interval", "5m") for _, expression, _ in queries]
    rules = [{"record": f"query:{number}", "expr": expression} for number, expression in enumerate(filled)]
    path = tmp_path / "dashboards.yaml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "dashboards", "rules": rules}]}))
    promtool("check", "rules", path)


def test_panels_have_a_title_and_say_what_they_show_and_do_not_overlap(dashboards):
    for name, dashboard in dashboards.items():
        assert len({panel["id"] for panel in dashboard.panels}) == len(dashboard.panels), name
        taken = set()
        for panel in dashboard.panels:
            place = panel["gridPos"]
            cells = {(x, y) for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])}
            assert panel["title"] and not cells & taken and place["x"] + place["w"] <= 24, f"{name}: {panel['title']}"
            assert panel["type"] == "row" or panel["description"], f"{name}: {panel['title']}"
            taken |= cells
