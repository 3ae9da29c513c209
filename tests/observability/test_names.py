"""Every metric, label and value that the rules, their tests and the dashboards name is one that latentd or Envoy exposes, and
every metric that latentd exposes is on a dashboard or listed here."""

import re

import pages
import promql

# Exposed, and on no dashboard.
LEFT_OUT = {
    "exposer_transferred_bytes_total": "of the metrics page itself; a scrape that fails shows as up == 0",
    "exposer_scrapes_total": "as before",
    "exposer_request_latencies": "as before",
}

# Prometheus makes them itself, or adds them to all that it reads.
PROMETHEUS = {"up": set(), "ALERTS": {"alertname", "alertstate", "severity"}}
TARGET = {"job", "instance", "namespace"}  # the last in Kubernetes


def _queries(rules, rule_tests, dashboards):
    """Where it stands, the expression, and labels that its texts show."""
    for rule in rules:
        texts = " ".join(rule.get("annotations", {}).values())
        yield rule.get("alert") or rule["record"], rule["expr"], re.findall(r"\$labels\.(\w+)", texts)
    for test in rule_tests:
        for series in test["input_series"]:
            yield f"test: {test['name']}", series["series"], []
    for dashboard in dashboards.values():
        for where, expression, legend in dashboard.queries:
            yield where, expression, re.findall(r"{{(\w+)}}", legend)


def _with_recorded(exposed, rules):
    """What a recorded series has is what its expression's metrics have."""
    known = {name: set(labels) for name, labels in exposed.items()} | PROMETHEUS
    for rule in rules:
        if "record" in rule:
            known[rule["record"]] = set().union(*(known.get(each.metric, set()) for each in promql.parse(rule["expr"]).selectors))
    return known


def test_what_is_named_is_exposed(exposed, exposed_by_the_edge, rules, rule_tests, dashboards):
    known = _with_recorded(exposed | exposed_by_the_edge, rules)
    wrong = []
    for where, expression, shown in _queries(rules, rule_tests, dashboards):
        named = promql.parse(expression)
        assert named.selectors, f"{where} names no metric"
        labels = set(TARGET)
        for selector in named.selectors:
            if selector.metric not in known:
                wrong.append(f"{where}: {selector.metric} is not exposed")
                continue
            labels |= known[selector.metric]
            wrong += [f"{where}: {selector.metric} has no label {label}" for label, _, _ in selector.matchers
                      if label not in known[selector.metric] | TARGET]
        wrong += [f"{where}: no metric in it has a label {label}" for label in {*named.grouping, *shown} - labels]
    assert wrong == []


def test_values_that_are_asked_for_occur(exposed, exposed_by_the_edge, rules, dashboards):
    wrong = []
    known = exposed | exposed_by_the_edge
    for where, expression, _ in _queries(rules, [], dashboards):
        for selector in promql.parse(expression).selectors:
            for label, sign, text in selector.matchers:
                if label in TARGET or selector.metric not in known:
                    continue
                values = text.split("|") if sign == "=~" else [text]
                wrong += [f"{where}: no {selector.metric} has {label} {value}" for value in values
                          if value not in known[selector.metric].get(label, ())]
    assert wrong == []


def test_metrics_of_other_programs_are_kept_out(rules, dashboards):
    """process_… is a name that other programs expose, too."""
    wrong = []
    for where, expression, _ in _queries(rules, [], dashboards):
        if "process_" in expression and "latentd_" not in expression and "$job" not in expression:
            wrong.append(where)
    assert wrong == []


def test_what_is_exposed_is_on_a_dashboard(exposed, rules, dashboards):
    recorded = {rule["record"]: rule["expr"] for rule in rules if "record" in rule}
    used = set()
    for dashboard in dashboards.values():
        for _, expression, _ in dashboard.queries:
            for selector in promql.parse(expression).selectors:
                used.add(pages.family(selector.metric))
                if selector.metric in recorded:
                    used |= {pages.family(each.metric) for each in promql.parse(recorded[selector.metric]).selectors}
    families = {pages.family(name) for name in exposed}
    assert families - used - set(LEFT_OUT) == set(), "neither on a dashboard nor left out"
    assert set(LEFT_OUT) & used == set(), "left out, and yet on a dashboard"
    assert set(LEFT_OUT) - families == set(), "left out, but not exposed"
