"""A release is installed, scaled, upgraded, disrupted and removed. The order of the tests is its life."""

import collections

import pytest

import charts

from conftest import NODES
from control_plane import PATHS, Refused
from processes import wait_for

SECRETS = {"latentd-keys": "keys.yaml", "latentd-jwks": "jwks.json", "latentd-redis": "password", "latentd-redis-ca": "ca.crt",
           "latentd-edge-tls": "tls.crt"}


@pytest.fixture(scope="module")
def fleet(namespaces):
    namespace = namespaces("images")
    for name, key in SECRETS.items():
        namespace.create({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": {key: "…"}})
    namespace.create({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "models"}, "spec": {
        "accessModes": ["ReadWriteMany"], "resources": {"requests": {"storage": "1Ti"}}}})
    return namespace


def is_ready(pod):
    return any(state["type"] == "Ready" and state["status"] == "True" for state in pod["status"].get("conditions", []))


def all_ready(namespace, count, **annotations):
    """The pods of the server once there are so many, all ready, all with these annotations."""
    def look():
        pods = namespace.pods()
        ready = [each for each in pods if is_ready(each) and annotations.items() <= each["metadata"]["annotations"].items()]
        return len(pods) == len(ready) == count and ready
    return wait_for(f"{count} replicas", look)


def scale(namespace, count):
    """As the autoscaler does it."""
    namespace.merge("Deployment", "r-latentd", {"spec": {"replicas": count}}, "/scale")


def zones(pods):
    return collections.Counter(NODES[each["spec"]["nodeName"]][0] for each in pods)


def addresses(namespace, service):
    slices = [each for each in namespace.all("EndpointSlice") if each["metadata"]["labels"].get("kubernetes.io/service-name") == service]
    return sum(len(each["endpoints"] or []) for each in slices)


def test_it_is_installed(fleet):
    fleet.helm("install", charts.CHART, example="fleet")
    (pod,) = all_ready(fleet, 1)
    assert NODES[pod["spec"]["nodeName"]][1], "on a node with a GPU"
    assert len(fleet.pods("edge")) == 3
    assert not any(NODES[each["spec"]["nodeName"]][1] for each in fleet.pods("edge")), "on nodes without"
    for kind, count in {"ScaledObject": 1, "ServiceMonitor": 2, "PrometheusRule": 1}.items():
        assert len(fleet.all(kind, instance="r")) == count
    wait_for("each of the edge has an address for Prometheus", lambda: addresses(fleet, "r-latentd-edge-replicas") == 3)


def test_it_grows_over_zones_and_nodes(fleet):
    scale(fleet, 2)
    assert zones(all_ready(fleet, 2)) == {"a": 1, "b": 1}
    scale(fleet, 4)
    pods = all_ready(fleet, 4)
    assert zones(pods) == {"a": 2, "b": 2}
    assert len({each["spec"]["nodeName"] for each in pods}) == 4
    wait_for("each replica has an address", lambda: addresses(fleet, "r-latentd-replicas") == 4)


def test_an_upgrade_replaces_all_and_keeps_their_number(fleet):
    before = all_ready(fleet, 4)
    # Two at a time: after each turn the edge gets time to find them.
    fleet.helm("upgrade", charts.CHART, example="fleet", config={"max-batch-rows": 32}, rollout={"maxUnavailable": "50%"})
    assert '\nmax-batch-rows: 32' in fleet.get("ConfigMap", "r-latentd")["data"]["latentd.yaml"]
    checksum = fleet.get("Deployment", "r-latentd")["spec"]["template"]["metadata"]["annotations"]["checksum/config"]
    after = all_ready(fleet, 4, **{"checksum/config": checksum})
    assert not {each["metadata"]["name"] for each in before} & {each["metadata"]["name"] for each in after}


def test_new_tenants_need_no_restart(fleet):
    before = all_ready(fleet, 4)
    fleet.helm("upgrade", charts.CHART, example="fleet", config={"max-batch-rows": 32}, tenants={"default": {"max_jobs": 7}})
    assert "max_jobs: 7" in fleet.get("ConfigMap", "r-latentd")["data"]["tenants.yaml"]
    assert {each["metadata"]["uid"] for each in before} == {each["metadata"]["uid"] for each in all_ready(fleet, 4)}


def evict(namespace, pod):
    name = pod["metadata"]["name"]
    body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name}}
    return namespace.plane.call("POST", f"{PATHS['Pod'].format(namespace.name)}/{name}/eviction", body)


def test_one_replica_may_be_missing_and_those_that_are_ill_may_always_go(fleet):
    def allowed():
        return fleet.get("PodDisruptionBudget", "r-latentd")["status"]["disruptionsAllowed"]
    pods = all_ready(fleet, 4)
    wait_for("one may go", lambda: allowed() == 1)
    *ill, well, _ = pods
    for each in ill:
        conditions = [{**state, "status": "False"} if state["type"] == "Ready" else state for state in each["status"]["conditions"]]
        fleet.merge("Pod", each["metadata"]["name"], {"status": {"conditions": conditions}}, "/status")
    wait_for("none may go", lambda: fleet.get("PodDisruptionBudget", "r-latentd")["status"]["currentHealthy"] == 2 and allowed() == 0)
    with pytest.raises(Refused) as refused:
        evict(fleet, well)
    assert refused.value.code == 429
    for each in ill:
        evict(fleet, each)
    all_ready(fleet, 4)


def test_a_replica_has_as_long_to_go_as_it_takes(fleet):
    pod = all_ready(fleet, 4)[0]
    gone = fleet.plane.call("DELETE", f"{PATHS['Pod'].format(fleet.name)}/{pod['metadata']['name']}")
    assert gone["metadata"]["deletionGracePeriodSeconds"] == 5 + 25 + 2 + 10
    all_ready(fleet, 4)


def test_it_shrinks(fleet):
    scale(fleet, 1)
    all_ready(fleet, 1)
    wait_for("the others have no address", lambda: addresses(fleet, "r-latentd-replicas") == 1)


def test_it_leaves_nothing_behind(fleet):
    fleet.helm("uninstall")
    for kind in PATHS:
        wait_for(f"no {kind} is left", lambda kind=kind: not fleet.all(kind, instance="r"))
    assert {each["metadata"]["name"] for each in fleet.all("Secret")} == set(SECRETS), "but what it did not bring"
    assert [each["metadata"]["name"] for each in fleet.all("PersistentVolumeClaim")] == ["models"]


def test_turning_the_autoscaler_on_leaves_their_number(namespaces):
    namespace = namespaces("turned")
    on = {"autoscaling": {"enabled": True}, "monitoring": {"serviceMonitor": {"enabled": True}, "rules": {"enabled": True}}}
    namespace.helm("install", charts.CHART, example="laptop", replicas=2, redis={"source": "chart"})
    before = all_ready(namespace, 2)
    namespace.helm("upgrade", charts.CHART, example="laptop", replicas=2, redis={"source": "chart"}, **on)
    assert {each["metadata"]["uid"] for each in before} == {each["metadata"]["uid"] for each in all_ready(namespace, 2)}
    scale(namespace, 3)
    namespace.helm("upgrade", charts.CHART, example="laptop", replicas=2, redis={"source": "chart"}, **on)
    all_ready(namespace, 3)
    namespace.helm("uninstall")


@pytest.fixture(scope="module")
def single(namespaces):
    namespace = namespaces("single")
    for name, key in {"latentd-tls": "tls.crt", "latentd-keys": "keys.yaml"}.items():
        namespace.create({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": {key: "…"}})
    return namespace


def test_the_only_gpu_changes_hands(single):
    only_node = {"kubernetes.io/hostname": "gpu-a1"}
    single.helm("install", charts.CHART, example="one-gpu", nodeSelector=only_node)
    (before,) = all_ready(single, 1)
    single.helm("upgrade", charts.CHART, example="one-gpu", nodeSelector=only_node, config={"max-batch-rows": 4})
    (after,) = all_ready(single, 1)
    assert before["metadata"]["uid"] != after["metadata"]["uid"]
    assert {before["spec"]["nodeName"], after["spec"]["nodeName"]} == {"gpu-a1"}


def test_redis_has_a_volume_that_outlives_the_release(single):
    (redis,) = single.pods("redis")
    (claim,) = [each["persistentVolumeClaim"]["claimName"] for each in redis["spec"]["volumes"] if "persistentVolumeClaim" in each]
    assert single.get("PersistentVolumeClaim", claim)["status"]["phase"] == "Bound"
    single.helm("uninstall")
    wait_for("Redis is gone", lambda: not single.all("Pod", instance="r"))
    assert single.get("PersistentVolumeClaim", claim)["status"]["phase"] == "Bound"
