"""latentd itself takes what the chart gives it, and its probes say what they should."""

import os
import pathlib

import grpc
import yaml

import credentials
from charts import EXAMPLES, ROOT, only, render
from local_pod import LocalPod
from processes import Process, unused_address, wait_for

SERVING = b"\x08\x01"


def probe(pod, kind):
    """The answer that the kubelet gets, a code where it gets none."""
    action = pod.container[kind + "Probe"]["grpc"]
    service = action.get("service", "").encode()
    request = b"\x0a" + bytes([len(service)]) + service if service else b""
    with grpc.insecure_channel(pod.address(action["port"])) as channel:
        try:
            return channel.unary_unary("/grpc.health.v1.Health/Check")(request, timeout=5)
        except grpc.RpcError as error:
            return error.code()


def stats(channel, metadata=()):
    """The code of a call of the API."""
    try:
        channel.unary_unary("/latentd.v1.ImageGeneration/GetStats")(b"", timeout=5, metadata=metadata)
        return grpc.StatusCode.OK
    except grpc.RpcError as error:
        return error.code()


def serve(pod):
    server = Process([os.environ["LATENTD_BINARY"], *pod.arguments])
    try:
        wait_for("the startup probe", lambda: probe(pod, "startup") == SERVING or not server.running())
        assert server.running(), server.log
    except BaseException:
        server.stop()
        raise
    return server


def all_probes(pod):
    return {kind: probe(pod, kind) for kind in ("startup", "readiness", "liveness")}


GOOD = {"startup": SERVING, "readiness": SERVING, "liveness": SERVING}


def test_the_laptop_s(tmp_path):
    pod = LocalPod(tmp_path, render("laptop"), "r-latentd", variables={"CPU_LIMIT": "1"})
    with serve(pod), grpc.insecure_channel(pod.address(50051)) as channel:
        assert all_probes(pod) == GOOD
        assert stats(channel) == grpc.StatusCode.OK


def test_probes_do_not_ask_redis(tmp_path):
    objects = render("laptop", redis={"source": "external", "address": unused_address()})
    pod = LocalPod(tmp_path, objects, "r-latentd", variables={"CPU_LIMIT": "1"})
    assert any("redis://" in each for each in pod.arguments)
    with serve(pod):
        assert all_probes(pod) == GOOD


def test_one_gpu_s_but_for_the_gpu(tmp_path):
    objects = render("one-gpu", gpu={"enabled": False}, redis={"source": "none"}, models={"adapters": "adapters"},
                     tenants=yaml.safe_load(EXAMPLES["fleet"].read_text())["tenants"])
    models = tmp_path / "the models"
    (models / "adapters").mkdir(parents=True)
    (models / "sd15").symlink_to(ROOT / "model/embedded/pictograms")
    authority = credentials.Authority(tmp_path)
    certificate, key = (pathlib.Path(each).read_text() for each in authority.issue("latentd"))
    pod = LocalPod(tmp_path, objects, "r-latentd", folders={"models": models}, variables={"CPU_LIMIT": "1"}, secrets={
        "latentd-tls": {"tls.crt": certificate, "tls.key": key},
        "latentd-keys": {"keys.yaml": credentials.key_file(("open sesame", "shop", ["read"]))}})
    with serve(pod) as server:
        assert '"model":"sd15"' in server.log
        trust = grpc.ssl_channel_credentials(pathlib.Path(authority.file).read_bytes())
        with grpc.secure_channel(pod.address(50051), trust) as channel:
            assert stats(channel) == grpc.StatusCode.UNAUTHENTICATED
            assert stats(channel, [("authorization", "Bearer open sesame")]) == grpc.StatusCode.OK
        assert all_probes(pod) == GOOD


def test_a_restart_is_for_the_configuration_not_for_tenants():
    def annotations(**values):
        return only(render("laptop", **values), "Deployment")["spec"]["template"]["metadata"]["annotations"]

    def tenants(most):
        return {"default": {"max_jobs": most}}
    assert annotations(tenants=tenants(1)) == annotations(tenants=tenants(2))
    assert annotations(config={"max-queued-jobs": 1}) != annotations(config={"max-queued-jobs": 2})

    def redis(address):
        return {"source": "external", "address": address, "caSecret": "ca"}
    assert annotations(redis=redis("a:6380")) != annotations(redis=redis("b:6380"))
