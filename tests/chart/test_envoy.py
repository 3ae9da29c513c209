"""Envoy as the chart starts it: before latentd, and as the tunnel to a Redis with TLS."""

import json
import os
import pathlib
import re
import socket
import subprocess

import pytest

import credentials
import render as edge_configuration
from charts import container, only, render
from local_pod import LocalPod
from processes import ROOT, Process, unused_address, wait_for

# Debian's redis-tools have the server as redis-check-rdb: it goes by the name that it is called by.
REDIS = "/usr/bin/redis-check-rdb"
PING = b"*1\r\n$4\r\nPING\r\n"


def connects(address):
    host, port = address.split(":")
    try:
        socket.create_connection((host, int(port)), 5).close()
        return True
    except OSError:
        return False


def ping(address):
    """Redis' answer, nothing when the connection ends without."""
    host, port = address.split(":")
    with socket.create_connection((host, int(port)), 5) as connection:
        connection.sendall(PING)
        try:
            return connection.recv(100)
        except ConnectionResetError:
            return b""


@pytest.fixture
def redis(tmp_path):
    """A Redis that speaks TLS alone, as `localhost` and 127.0.0.1: its address and the authority of its certificate."""
    authority = credentials.Authority(tmp_path, "redis authority")
    certificate, key = authority.issue("redis", ["localhost", "127.0.0.1"])
    address = unused_address()
    host, port = address.split(":")
    with Process(["redis-server", "--bind", host, "--port", "0", "--tls-port", port, "--tls-cert-file", certificate, "--tls-key-file",
                  key, "--tls-auth-clients", "no", "--save", "", "--dir", str(tmp_path)], executable=REDIS):
        wait_for("Redis listens", lambda: connects(address))
        yield f"localhost:{port}", pathlib.Path(authority.file).read_text()


def tunnel(folder, address, authority):
    folder.mkdir()
    objects = render("laptop", redis={"source": "external", "address": address, "caSecret": "ca"})
    pod = LocalPod(folder, objects, "r-latentd", secrets={"ca": {"ca.crt": authority}}, init="redis-tunnel")
    listens = unused_address()
    config = folder / "tunnel/envoy.yaml"
    config.write_text(config.read_text().replace("address: 127.0.0.1, port_value: 6379", "address: 127.0.0.1, port_value: " + listens.split(":")[1]))
    assert pod.container["command"] == ["envoy"]
    return Process([os.environ["LATENTD_ENVOY"], *pod.arguments]), listens


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_the_tunnel_ends_at_a_redis_with_tls(tmp_path, redis, host):
    address, authority = redis
    envoy, listens = tunnel(tmp_path / "pod", address.replace("localhost", host), authority)
    with envoy:
        wait_for("the tunnel listens", lambda: connects(listens))
        wait_for("the tunnel carries", lambda: ping(listens) == b"+PONG\r\n")


def test_the_tunnel_ends_at_no_other_until_its_authority_is_replaced(tmp_path, redis):
    address, authority = redis
    (tmp_path / "stranger").mkdir()
    stranger = credentials.Authority(tmp_path / "stranger", "stranger")
    envoy, listens = tunnel(tmp_path / "pod", address, pathlib.Path(stranger.file).read_text())
    with envoy:
        wait_for("the tunnel listens", lambda: connects(listens))
        assert ping(listens) == b""
        assert envoy.running()
        credentials.replace(tmp_path / "pod/redis-ca/ca.crt", authority)
        wait_for("the tunnel trusts its new authority", lambda: ping(listens) == b"+PONG\r\n")


def edge(folder, objects, **secrets):
    return LocalPod(folder, objects, "r-latentd-edge", secrets=secrets).arguments


def test_the_edge_s_image_has_what_drains_it():
    dockerfile = (ROOT / "Dockerfile").read_text()
    entry, check = (json.loads(re.search(rf"{what} (\[\"/usr/share/latentd/envoy.*\])$", dockerfile, re.MULTILINE).group(1))
                    for what in ("ENTRYPOINT", "CMD"))
    deployment = only(render("laptop", edge={"enabled": True}), "Deployment", "r-latentd-edge")
    script, admin, *_ = container(deployment, "edge")["lifecycle"]["preStop"]["exec"]["command"]
    assert entry[entry.index("--admin") + 1] == admin == check[1]
    for each in entry[0], check[0], script:
        folder, name = os.path.split(each)
        assert folder == "/usr/share/latentd/envoy" and os.access(ROOT / "deploy/envoy" / name, os.X_OK)


@pytest.mark.parametrize("example, values", [
    ("laptop", {}), ("fleet", {}), ("one-gpu", {"edge": {"tlsSecret": "edge"}}),
    ("one-gpu", {"edge": {"tlsSecret": "edge", "clientSecret": "edge"}, "tls": {"clientCertificates": True}})])
def test_envoy_takes_what_the_edge_s_flags_make(tmp_path, example, values):
    authority = credentials.Authority(tmp_path)
    certificate, key = (pathlib.Path(each).read_text() for each in authority.issue("edge"))
    files = {"tls.crt": certificate, "tls.key": key, "ca.crt": pathlib.Path(authority.file).read_text()}
    values = {**values, "edge": {"enabled": True, **values.get("edge", {})}}
    arguments = edge(tmp_path, render(example, **values), **{name: files for name in ("edge", "latentd-tls", "latentd-edge-tls")})
    rendered = subprocess.run(["python3", ROOT / "deploy/envoy/render.py", "--descriptors", os.environ["LATENTD_DESCRIPTORS"], "--secrets",
                               tmp_path, *[each.replace("127.0.0.1:", "0.0.0.0:") for each in arguments]], capture_output=True, text=True)
    assert rendered.returncode == 0, rendered.stderr
    assert "r-latentd-replicas.images.svc" in rendered.stdout
    required = edge_configuration.CREDENTIALS_REQUIRED["append"]["header"]["key"] in rendered.stdout
    assert required == (example != "laptop")
    checked = subprocess.run([os.environ["LATENTD_ENVOY"], "--mode", "validate", "--config-yaml", rendered.stdout], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stderr
