"""A control plane of Kubernetes on loopback: etcd, the API server, the controllers, the scheduler, and kwok, which plays the
kubelets of nodes that are not there. Pods run in name only."""

import contextlib
import json
import os
import pathlib
import ssl
import subprocess
import urllib.error
import urllib.request

import yaml

from processes import Process, unused_address, wait_for

FOLDER = pathlib.Path(os.environ["LATENTD_KUBERNETES"])
TOKEN = "admin-token"
# Where objects of a kind are.
PATHS = {
    "ConfigMap": "api/v1/namespaces/{}/configmaps", "Service": "api/v1/namespaces/{}/services", "Pod": "api/v1/namespaces/{}/pods",
    "PersistentVolumeClaim": "api/v1/namespaces/{}/persistentvolumeclaims", "Event": "api/v1/namespaces/{}/events",
    "Secret": "api/v1/namespaces/{}/secrets", "Deployment": "apis/apps/v1/namespaces/{}/deployments",
    "StatefulSet": "apis/apps/v1/namespaces/{}/statefulsets", "ReplicaSet": "apis/apps/v1/namespaces/{}/replicasets",
    "NetworkPolicy": "apis/networking.k8s.io/v1/namespaces/{}/networkpolicies",
    "PodDisruptionBudget": "apis/policy/v1/namespaces/{}/poddisruptionbudgets",
    "EndpointSlice": "apis/discovery.k8s.io/v1/namespaces/{}/endpointslices",
    "ScaledObject": "apis/keda.sh/v1alpha1/namespaces/{}/scaledobjects",
    "ServiceMonitor": "apis/monitoring.coreos.com/v1/namespaces/{}/servicemonitors",
    "PrometheusRule": "apis/monitoring.coreos.com/v1/namespaces/{}/prometheusrules",
}


class Refused(Exception):
    """The API server has said no: `code`, and why."""

    def __init__(self, code, message):
        super().__init__(f"{code}: {message}")
        self.code = code


class ControlPlane:
    def __init__(self, folder):
        self._folder = folder
        self._address = unused_address()
        self._stack = contextlib.ExitStack()
        self.kubeconfig = folder / "kubeconfig"

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            self._start(stack)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_):
        self._stack.close()

    def _start(self, stack):
        etcd, peers, folder = f"http://{unused_address()}", f"http://{unused_address()}", self._folder
        stack.enter_context(Process([FOLDER / "etcd", "--data-dir", folder / "etcd", "--listen-client-urls", etcd, "--advertise-client-urls",
                                     etcd, "--listen-peer-urls", peers, "--unsafe-no-fsync"]))
        key = folder / "service-accounts.key"
        subprocess.run(["openssl", "genrsa", "-out", key, "2048"], check=True, capture_output=True)
        (folder / "tokens.csv").write_text(f"{TOKEN},admin,admin,system:masters\n")
        # Debian's etcd 3.4 cannot do what WatchList needs, and kwok would begin to watch again and again.
        api = stack.enter_context(Process([
            FOLDER / "kube-apiserver", "--etcd-servers", etcd, "--bind-address", "127.0.0.1", "--secure-port", self._address.split(":")[1],
            "--cert-dir", folder / "certificates", "--feature-gates", "WatchList=false", "--allow-privileged",
            "--authorization-mode", "RBAC", "--token-auth-file", folder / "tokens.csv",
            "--service-cluster-ip-range", "10.0.0.0/24", "--service-account-issuer", "https://kubernetes.default.svc",
            "--service-account-key-file", key, "--service-account-signing-key-file", key]))
        wait_for("the API server", lambda: self._ready() or not api.running())
        assert api.running(), api.log
        self.kubeconfig.write_text(json.dumps({
            "apiVersion": "v1", "kind": "Config", "current-context": "here",
            "contexts": [{"name": "here", "context": {"cluster": "here", "user": "admin"}}],
            "clusters": [{"name": "here", "cluster": {"server": f"https://{self._address}", "insecure-skip-tls-verify": True}}],
            "users": [{"name": "admin", "user": {"token": TOKEN}}]}))
        common = ["--kubeconfig", self.kubeconfig]
        # kwok's nodes have no heartbeat that could be missed.
        stack.enter_context(Process([FOLDER / "kube-controller-manager", *common, "--leader-elect=false", "--secure-port=0",
                                     "--node-monitor-grace-period=24h", "--service-account-private-key-file", key]))
        stack.enter_context(Process([FOLDER / "kube-scheduler", *common, "--leader-elect=false", "--secure-port=0"]))
        stack.enter_context(Process([FOLDER / "kwok", *common, "--config", FOLDER / "kwok.yaml", "--manage-all-nodes",
                                     "--node-lease-duration-seconds=0", "--server-address=127.0.0.1:0"]))
        for crd in sorted((FOLDER / "crds").glob("*.yaml")):
            definition = yaml.safe_load(crd.read_text())
            self.call("POST", "apis/apiextensions.k8s.io/v1/customresourcedefinitions", definition)
            plural = f"apis/{definition['spec']['group']}/{definition['spec']['versions'][0]['name']}/{definition['spec']['names']['plural']}"
            wait_for(crd.name, lambda path=plural: self._there(path))

    def _ready(self):
        with contextlib.suppress(OSError, Refused):
            return self.call("GET", "readyz") == "ok"

    def _there(self, path):
        with contextlib.suppress(Refused):
            return self.call("GET", path)

    def call(self, verb, path, body=None, media="application/json"):
        """The answer as an object, or as text where it is none."""
        request = urllib.request.Request(f"https://{self._address}/{path}", None if body is None else json.dumps(body).encode(),
                                         {"authorization": f"Bearer {TOKEN}", "content-type": media}, method=verb)
        try:
            with urllib.request.urlopen(request, timeout=30, context=ssl._create_unverified_context()) as answer:
                text = answer.read().decode()
        except urllib.error.HTTPError as error:
            raise Refused(error.code, error.read().decode()) from None
        return json.loads(text) if text.startswith("{") else text

    def create(self, namespace, thing, query=""):
        return self.call("POST", PATHS[thing["kind"]].format(namespace) + query, thing)

    def get(self, namespace, kind, name):
        return self.call("GET", f"{PATHS[kind].format(namespace)}/{name}")

    def all(self, namespace, kind, **labels):
        selector = ",".join(f"app.kubernetes.io/{key}={value}" for key, value in labels.items())
        return self.call("GET", f"{PATHS[kind].format(namespace)}?labelSelector={selector}")["items"]

    def merge(self, namespace, kind, name, change, part=""):
        return self.call("PATCH", f"{PATHS[kind].format(namespace)}/{name}{part}", change, "application/merge-patch+json")
