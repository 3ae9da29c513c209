"""What the API server takes, and what it refuses."""

import copy

import pytest

from charts import EXAMPLES, render
from control_plane import Refused

STRICT = "?dryRun=All&fieldValidation=Strict"


@pytest.fixture(scope="module")
def namespace(namespaces):
    return namespaces("admission")


def objects(example):
    edge = {"edge": {"enabled": True}} if example == "laptop" else {}
    return render(example, **edge)


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_object_is_taken(namespace, example):
    for each in objects(example):
        each["metadata"].pop("namespace", None)
        namespace.create(each, STRICT)


@pytest.mark.parametrize("kind, change", [
    ("ScaledObject", {"minReplicaCount": "one"}), ("ScaledObject", {"fallbak": {}}), ("ServiceMonitor", {"endpoints": [{"interval": "often"}]}),
    ("PrometheusRule", {"groups": [{"rules": []}]}), ("Deployment", {"replica": 3}),
    ("PodDisruptionBudget", {"unhealthyPodEvictionPolicy": "Often"})])
def test_what_is_wrong_is_refused(namespace, kind, change):
    thing = next(each for each in objects("fleet") if each["kind"] == kind)
    thing["spec"].update(change)
    with pytest.raises(Refused) as refused:
        namespace.create(thing, STRICT)
    assert refused.value.code in (400, 422)


def pods():
    for example in EXAMPLES:
        for each in objects(example):
            if each["kind"] in ("Deployment", "StatefulSet"):
                template = each["spec"]["template"]
                spec = copy.deepcopy(template["spec"])
                for claim in each["spec"].get("volumeClaimTemplates", []):
                    name = claim["metadata"]["name"]
                    spec.setdefault("volumes", []).append({"name": name, "persistentVolumeClaim": {"claimName": name}})
                yield pytest.param({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "pod", "labels": template["metadata"]["labels"]},
                                    "spec": spec}, id=f"{example}-{each['metadata']['name']}")


@pytest.mark.parametrize("pod", list(pods()))
def test_pods_keep_to_pod_security(namespace, pod):
    namespace.create(pod, STRICT)


def weaken(pod):
    """Copies of a pod, each without one thing that Pod Security wants, of each of its containers."""
    for kind in ("containers", "initContainers"):
        for number in range(len(pod["spec"].get(kind, []))):
            for change in ({"allowPrivilegeEscalation": True}, {"privileged": True, "allowPrivilegeEscalation": True},
                           {"capabilities": {}}, {"runAsUser": 0}, {"seccompProfile": {"type": "Unconfined"}}):
                weaker = copy.deepcopy(pod)
                weaker["spec"][kind][number]["securityContext"].update(change)
                yield weaker
    for change in ({"hostNetwork": True}, {"hostPID": True}, {"securityContext": {}}):
        yield {**pod, "spec": {**copy.deepcopy(pod["spec"]), **change}}
    yield {**pod, "spec": {**pod["spec"], "volumes": [*pod["spec"]["volumes"], {"name": "host", "hostPath": {"path": "/"}}]}}


@pytest.mark.parametrize("pod", list(pods()))
def test_pods_that_do_not_are_refused(namespace, pod):
    for weaker in weaken(pod):
        with pytest.raises(Refused, match=r'violates PodSecurity \\"restricted') as refused:
            namespace.create(weaker, STRICT)
        assert refused.value.code == 403
