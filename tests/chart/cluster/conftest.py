import pytest
import yaml

import charts
from control_plane import ControlPlane

# name → zone, GPUs. Those with a GPU take only what asks for one.
NODES = {"gpu-a1": ("a", 1), "gpu-a2": ("a", 1), "gpu-b1": ("b", 1), "gpu-b2": ("b", 1), "plain-a": ("a", 0), "plain-b": ("b", 0)}


@pytest.fixture(scope="session")
def kubernetes(tmp_path_factory):
    with ControlPlane(tmp_path_factory.mktemp("kubernetes")) as plane:
        plane.call("POST", "apis/storage.k8s.io/v1/storageclasses", {
            "apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {
                "name": "kwok-volume", "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}},
            "provisioner": "kwok.x-k8s.io/volume"})
        for name, (zone, gpus) in NODES.items():
            has = {"cpu": "32", "memory": "128Gi", "pods": "110", **({"nvidia.com/gpu": str(gpus)} if gpus else {})}
            plane.call("POST", "api/v1/nodes", {
                "apiVersion": "v1", "kind": "Node",
                "metadata": {"name": name, "labels": {"topology.kubernetes.io/zone": zone, "kubernetes.io/hostname": name}},
                "spec": {"taints": [{"key": "nvidia.com/gpu", "effect": "NoSchedule"}] if gpus else []},
                "status": {"allocatable": has, "capacity": has}})
        yield plane


class Namespace:
    """One with Pod Security "restricted" enforced, and Helm for it."""

    def __init__(self, plane, name):
        self.plane, self.name = plane, name
        labels = {"pod-security.kubernetes.io/enforce": "restricted", "pod-security.kubernetes.io/enforce-version": "latest"}
        plane.call("POST", "api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})

    def helm(self, verb, *arguments, example=None, **values):
        files = ["--values", charts.EXAMPLES[example]] if example else []
        more = ["--values", "-"] if values else []
        return charts.helm(verb, "r", *arguments, *files, *more, "--namespace", self.name, "--kubeconfig", self.plane.kubeconfig,
                           "--wait", "--timeout", "180s", text=yaml.safe_dump(values))

    def create(self, thing, query=""):
        return self.plane.create(self.name, thing, query)

    def get(self, kind, name):
        return self.plane.get(self.name, kind, name)

    def all(self, kind, **labels):
        return self.plane.all(self.name, kind, **labels)

    def merge(self, kind, name, change, part=""):
        return self.plane.merge(self.name, kind, name, change, part)

    def pods(self, component="server"):
        return [each for each in self.all("Pod", component=component) if "deletionTimestamp" not in each["metadata"]]


@pytest.fixture(scope="session")
def namespaces(kubernetes):
    """Makes a namespace."""
    return lambda name: Namespace(kubernetes, name)
