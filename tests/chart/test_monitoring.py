"""Prometheus finds the metrics of latentd and of the edge, each pod's once, and is let in."""

import pytest

from charts import only, render


def matches(labels, selector):
    return selector.items() <= labels.items()


@pytest.mark.parametrize("monitor, deployment", [("r-latentd", "r-latentd"), ("r-latentd-edge", "r-latentd-edge")])
def test_a_servicemonitor_leads_to_the_pods(monitor, deployment):
    objects = render("fleet")
    [endpoint] = only(objects, "ServiceMonitor", monitor)["spec"]["endpoints"]
    selector = only(objects, "ServiceMonitor", monitor)["spec"]["selector"]["matchLabels"]
    [service] = [each for each in objects if each["kind"] == "Service" and matches(each["metadata"]["labels"], selector)]
    [port] = [each for each in service["spec"]["ports"] if each["name"] == endpoint["port"]]
    assert service["spec"]["clusterIP"] == "None"
    template = only(objects, "Deployment", deployment)["spec"]["template"]
    assert matches(template["metadata"]["labels"], service["spec"]["selector"])
    ports = {each["name"]: each["containerPort"] for each in template["spec"]["containers"][0]["ports"]}
    assert ports[port["targetPort"]] == port["port"]
    [policy] = [each["spec"] for each in objects if each["kind"] == "NetworkPolicy"
                and matches(template["metadata"]["labels"], each["spec"]["podSelector"]["matchLabels"])]
    [let_in] = [each for each in policy["ingress"] if {"port": port["targetPort"]} in each["ports"]]
    assert let_in["from"][0]["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": "monitoring"}


def test_without_an_edge_there_is_one():
    objects = render("fleet", edge={"enabled": False})
    assert [each["metadata"]["name"] for each in objects if each["kind"] == "ServiceMonitor"] == ["r-latentd"]


def test_callers_do_not_get_at_the_edge_s_metrics():
    service = only(render("fleet"), "Service", "r-latentd-edge")
    assert [each["targetPort"] for each in service["spec"]["ports"]] == ["edge"]
