"""deploy/edge.sh as its users know it."""

import concurrent.futures
import contextlib
import itertools
import subprocess
import sys
import threading
import time

import pytest

import http2
from api import METHODS
from callers import by_grpc, request
from fake_backend import FakeBackend
from processes import PATIENCE, ROOT, Edge, Process, unused_address, wait_for

SCRIPT = ROOT / "deploy/edge.sh"


def test_two_flags_are_enough_and_sigterm_ends_it(latentd):
    address = unused_address()

    def answers():
        try:
            return request(address, "GET", "/healthz")[0] == 200
        except OSError:
            return False

    with Process([SCRIPT, "--listen", address, "--backend", latentd.address]) as script:
        wait_for("the edge is healthy", answers)
        assert request(address, "GET", "/latentd/v1/stats")[0] == 200
        assert script.stop() == 0
    assert not answers()


def test_a_second_edge_on_the_port_never_says_that_it_serves(latentd, tmp_path):
    """deploy/quickstart.sh waits for that word: the port is answered, by the first."""
    def says_so(admin):
        return subprocess.run([ROOT / "deploy/envoy/ready.py", admin], timeout=PATIENCE).returncode == 0

    with Edge(latentd.address) as first:
        assert says_so(first.admin_socket)
        admin = tmp_path / "admin"
        with Process([SCRIPT, "--listen", first.address, "--backend", latentd.address, "--admin", admin]) as second:
            wait_for("it ends", lambda: says_so(admin) or not second.running())
            assert not second.running()
        assert "Address already in use" in second.log


DRAIN = ROOT / "deploy/envoy/drain.py"
WATCH = METHODS["ImageGeneration.WatchJob"]
HEARTBEAT = {"job": "jobs/1", "heartbeat": {}}
COMPLETED = {"job": "jobs/1", "completed": {}}


@contextlib.contextmanager
def edge_at_work():
    """An edge with a call under way: the edge, the call's outcome to come, and what lets the call end."""
    may_end = threading.Event()

    def watch(context):
        yield HEARTBEAT
        may_end.wait(PATIENCE)
        yield COMPLETED

    with FakeBackend(WatchJob=watch) as fake, Edge(fake.address) as envoy, concurrent.futures.ThreadPoolExecutor() as pool:
        call = pool.submit(by_grpc, envoy.address, WATCH, {"name": "jobs/1"})
        wait_for("a call is under way", lambda: fake.calls)
        try:
            yield envoy, call, may_end
        finally:
            may_end.set()


def test_callers_are_sent_elsewhere_and_what_is_under_way_ends():
    with edge_at_work() as (envoy, call, may_end), http2.connect(envoy.address) as idle, Process([DRAIN, envoy.admin_socket, "1", "100"]) as drain:
        wait_for("balancers are told", lambda: request(envoy.address, "GET", "/healthz")[0] == 503)
        # Who comes all the same is served, and comes elsewhere the next time.
        status, headers, _ = request(envoy.address, "GET", "/nothing")
        assert status == 404 and headers["connection"] == "close"
        # Who does not come is told as well.
        assert http2.GOAWAY in [kind for kind, *_ in idle.frames()]
        assert drain.running() and not call.done()
        may_end.set()
        assert drain.wait() == 0
        assert call.result().messages == [HEARTBEAT, COMPLETED]


def test_a_drain_ends_in_time_and_not_before_balancers_have_heard():
    with edge_at_work() as (envoy, call, may_end):
        began = time.monotonic()
        subprocess.run([DRAIN, envoy.admin_socket, "0", "2"], check=True, timeout=PATIENCE)
        assert time.monotonic() - began >= 2 and not call.done()
        may_end.set()
        call.result()
        began = time.monotonic()
        subprocess.run([DRAIN, envoy.admin_socket, "2", "100"], check=True, timeout=PATIENCE)
        assert 2 <= time.monotonic() - began < 50


def test_nobody_is_drained_where_nobody_is(tmp_path):
    assert subprocess.run([DRAIN, tmp_path / "admin", "0", "1"], capture_output=True).returncode != 0


def test_the_port_for_metrics_shows_nothing_else(latentd):
    with Edge(latentd.address, flags=("--metrics-listen", "127.0.0.1:0")) as envoy:
        metrics = envoy.listens("metrics")
        assert request(envoy.address, "GET", "/latentd/v1/stats")[0] == 200
        status, _, page = request(metrics, "GET", "/metrics")
        assert status == 200 and b'envoy_cluster_grpc{envoy_cluster_name="latentd",grpc_status="0"} 1\n' in page
        for verb, path in itertools.product(("GET", "POST"), ("/", "/stats", "/config_dump", "/quitquitquit", "/metrics/", "/metrics/../quitquitquit")):
            assert request(metrics, verb, path)[0] == 404, (verb, path)
        assert request(metrics, "POST", "/metrics")[0] == 404
        assert request(envoy.address, "GET", "/metrics")[0] == 404


def test_metrics_need_no_administration_of_ones_own(latentd, tmp_path):
    address, metrics = unused_address(), unused_address()

    def page():
        try:
            return request(metrics, "GET", "/metrics")[2]
        except OSError:
            return b""

    with Process([SCRIPT, "--listen", address, "--backend", latentd.address, "--metrics-listen", metrics, "--secrets", tmp_path]):
        assert b"envoy_http_downstream_rq_xx" in wait_for("there are metrics", page)


def test_backends_may_be_names(latentd):
    with Edge(latentd.address.replace("127.0.0.1", "localhost")) as envoy:
        wait_for("the name is found", lambda: request(envoy.address, "GET", "/healthz")[0] == 200)
        assert request(envoy.address, "GET", "/latentd/v1/stats")[0] == 200


@pytest.mark.parametrize("listen,flags,required", [
    ("127.0.0.1:0", [], False), ("[::1]:0", [], False), ("0.0.0.0:0", ["--insecure"], False),
    ("0.0.0.0:0", ["--tls-cert", SCRIPT, "--tls-key", SCRIPT], True), ("[::]:0", ["--tls-cert", SCRIPT, "--tls-key", SCRIPT], True)])
def test_where_strangers_can_connect_credentials_are_required(tmp_path, listen, flags, required):
    done = subprocess.run([sys.executable, ROOT / "deploy/envoy/render.py", "--listen", listen, "--backend", "127.0.0.1:1",
                           "--descriptors", "unused", "--secrets", tmp_path, *flags], capture_output=True, text=True, check=True)
    assert ('"x-latentd-credentials"' in done.stdout) == required


@pytest.mark.parametrize("arguments", [
    [], ["--listen", "127.0.0.1:0"], ["--backend", "127.0.0.1:1"], ["--listen", "8080", "--backend", "127.0.0.1:1"],
    ["--listen", "127.0.0.1:99999", "--backend", "127.0.0.1:1"], ["--listen", "127.0.0.1:0", "--backend", "127.0.0.1:1,"],
    ["--listen", "127.0.0.1:0", "--backend", "127.0.0.1:1", "--unknown"],
    ["--listen", "127.0.0.1:0", "--backend", "127.0.0.1:1", "--page", "/nowhere"],
    ["--listen", "127.0.0.1:0", "--backend", "127.0.0.1:1", "--metrics-listen", "9901"],
    ["--listen", "0.0.0.0:0", "--backend", "127.0.0.1:1"], ["--listen", "192.0.2.1:0", "--backend", "127.0.0.1:1"],
    ["--listen", "127.0.0.1:0", "--backend", "127.0.0.1:1", "--tls-cert", SCRIPT],
    ["--listen", "127.0.0.1:0", "--backend", "127.0.0.1:1", "--tls-key", SCRIPT],
    ["--listen", "127.0.0.1:0", "--backend", "127.0.0.1:1", "--tls-cert", "/nowhere", "--tls-key", SCRIPT],
    ["--listen", "127.0.0.1:0", "--backend", "127.0.0.1:1", "--backend-ca", "/nowhere"],
    ["--listen", "127.0.0.1:0", "--backend", "127.0.0.1:1", "--backend-ca", SCRIPT, "--backend-cert", SCRIPT],
    ["--listen", "127.0.0.1:0", "--backend", "127.0.0.1:1", "--backend-cert", SCRIPT, "--backend-key", SCRIPT]])
def test_wrong_flags_are_told(arguments):
    done = subprocess.run([SCRIPT, *arguments], capture_output=True, text=True, timeout=60)
    assert done.returncode != 0 and "usage:" in done.stderr
