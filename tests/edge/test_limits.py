"""What is too large, too slow or too much is refused early, and what the server takes passes."""

import base64
import contextlib
import http.client
import struct
import time

import pytest

import raw
from api import METHODS
from callers import by_grpc, by_grpc_web, by_json
from fake_backend import FakeBackend
from processes import Edge, wait_for

CREATE = METHODS["ImageGeneration.CreateJob"]
MIB = 1 << 20
TOO_LARGE = (8, "REQUEST_TOO_LARGE")


def with_picture(size):
    picture = base64.b64encode(bytes(size)).decode()
    return {"spec": {"model": "pictograms", "imageToImage": {"image": {"data": picture}}}}


@pytest.fixture(scope="module")
def hasty(latentd):
    """An edge that loses patience soon."""
    with Edge(latentd.address, REQUEST_HEADERS_TIMEOUT="0.5s", REQUEST_TIMEOUT="0.5s", CONNECTION_IDLE_TIMEOUT="1s") as envoy:
        yield envoy


def head(path, kind):
    return f"POST {path} HTTP/1.1\r\nhost: edge\r\ncontent-type: {kind}\r\ncontent-length: 1000000005\r\n\r\n".encode()


@pytest.mark.parametrize("path", ["/latentd/v1/jobs", "/latentd/v1/images:generate", "/latentd/v1/stats", "/"])
def test_a_gigabyte_is_refused_before_it_comes(edge, path):
    with raw.connect(edge.address) as connection:
        connection.sendall(head(path, "application/json"))
        status, body = raw.read_answer(connection)
    assert (status, raw.error(body)) == (413, TOO_LARGE)


@pytest.mark.parametrize("kind,status", [("application/grpc", 200), ("application/grpc-web", 413)])
def test_a_message_of_a_gigabyte_is_refused_before_it_comes(edge, kind, status):
    with raw.connect(edge.address) as connection:
        connection.sendall(head(CREATE.path, kind))
        response = http.client.HTTPResponse(connection)
        response.begin()
    assert (response.status, response.headers["grpc-status"]) == (status, "8")


def test_a_body_of_unknown_length_is_refused_when_it_is_too_long(edge):
    with raw.connect(edge.address) as connection:
        connection.sendall(b"POST /latentd/v1/jobs HTTP/1.1\r\nhost: edge\r\ntransfer-encoding: chunked\r\n\r\n")
        try:
            for _ in range(100):
                connection.sendall(b"100000\r\n" + b" " * MIB + b"\r\n")
        except ConnectionError:
            return
        status, body = raw.read_answer(connection)
        assert (status, raw.error(body)) == (413, TOO_LARGE)


def test_a_picture_that_the_server_takes_passes_in_every_way(latentd, edge):
    fields = with_picture(8 * MIB - 1000)
    straight = by_grpc(latentd.address, CREATE, fields).error
    assert straight["code"] == 3, "it is no picture"
    for way in (by_grpc, by_grpc_web, by_json):
        assert way(edge.address, CREATE, fields).error == straight


@pytest.mark.parametrize("way,size", [(by_grpc, 8 * MIB + 1), (by_grpc_web, 8 * MIB + 1), (by_grpc, 13 * MIB)])
def test_a_message_that_the_server_does_not_take_is_refused(edge, way, size):
    assert way(edge.address, CREATE, with_picture(size)).error["code"] == 8


def test_a_body_that_fits_the_edge_but_not_the_server_is_refused(edge):
    outcome = by_json(edge.address, CREATE, with_picture(8 * MIB + 1))
    assert (outcome.http_status, outcome.error["code"]) == (429, 8)


@pytest.mark.parametrize("headers", [["x-long: " + "x" * 17000], [f"x-{number}: 1" for number in range(80)]], ids=["long", "many"])
def test_headers_have_limits(edge, headers):
    status, body = raw.get(edge.address, "/latentd/v1/stats", headers=headers)
    assert (status, raw.error(body)) == (431, (8, "HEADERS_TOO_LARGE"))


def drip(connection, data):
    """Sends a byte every tenth of a second, until the other side has enough; says for how long."""
    begin = time.monotonic()
    connection.settimeout(0.1)
    for byte in data:
        try:
            connection.sendall(bytes([byte]))
            if connection.recv(65536, raw.PEEK) is not None:
                break
        except TimeoutError:
            continue
        except ConnectionError:
            break
    connection.settimeout(raw.TIMEOUT)
    return time.monotonic() - begin


def test_headers_that_drip_are_cut_off(hasty):
    with raw.connect(hasty.address) as connection:
        assert drip(connection, b"GET /latentd/v1/stats HTTP/1.1\r\nhost: edge\r\nx-slow: " + b"x" * 100) < 3
        assert (raw.read_answer(connection) or (408,))[0] == 408


@pytest.mark.parametrize("path", ["/latentd/v1/jobs", "/latentd/v1/images:generate"])
def test_a_body_that_drips_is_cut_off(hasty, path):
    with raw.connect(hasty.address) as connection:
        connection.sendall(f"POST {path} HTTP/1.1\r\nhost: edge\r\ncontent-length: 1000\r\n\r\n".encode())
        assert drip(connection, b" " * 100) < 3
        status, body = raw.read_answer(connection)
        assert (status, raw.error(body)) == (408, (4, "REQUEST_TOO_SLOW"))


def test_a_connection_without_requests_ends(hasty):
    with raw.connect(hasty.address) as connection:
        assert raw.read_answer(connection) is None


def test_there_is_a_limit_of_connections(latentd):
    with Edge(latentd.address, MAX_CONNECTIONS=2) as envoy, raw.connect(envoy.address) as one, raw.connect(envoy.address) as two:
        for connection in (one, two):
            connection.sendall(b"GET /latentd/v1/stats HTTP/1.1\r\nhost: edge\r\n\r\n")
            assert raw.read_answer(connection)[0] == 200
        assert raw.get(envoy.address, "/latentd/v1/stats") is None


def test_without_memory_requests_are_refused(latentd):
    with Edge(latentd.address, MAX_HEAP_BYTES=1) as envoy:
        answer = wait_for("it refuses", lambda: (got := raw.get(envoy.address, "/latentd/v1/stats"))[0] == 503 and got)
        assert raw.error(answer[1]) == (14, "UNAVAILABLE")
        assert by_grpc(envoy.address, METHODS["ImageGeneration.GetStats"], {}).error["code"] == 14


def test_a_connection_has_a_limit_of_streams(edge):
    with raw.connect(edge.address) as connection:
        connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0]))
        size, kind = struct.unpack(">IB", b"\0" + connection.recv(4, raw.WHOLE))
        connection.recv(5, raw.WHOLE)
        settings = dict(struct.iter_unpack(">HI", connection.recv(size, raw.WHOLE)))
    assert (kind, settings[3]) == (4, 100), "SETTINGS_MAX_CONCURRENT_STREAMS"


@pytest.mark.parametrize("reads", [False, True])
def test_a_caller_who_does_not_read_is_cut_off_and_one_who_reads_slowly_is_not(reads):
    picture = {"contentType": "image/png", "data": base64.b64encode(bytes(40 * MIB)).decode()}
    with FakeBackend(GetOutput=lambda context: [picture]) as backend, Edge(backend.address, CONNECTION_IDLE_TIMEOUT="0.5s") as envoy:
        with raw.connect(envoy.address) as connection:
            connection.sendall(b"GET /latentd/v1/jobs/1/outputs/0 HTTP/1.1\r\nhost: edge\r\n\r\n")
            wait_for("it is asked", lambda: len(backend.calls) == 1)
            if not reads:
                wait_for("it is cut off", lambda: envoy.stat("http.edge.downstream_cx_active") == 0)
            received = 0
            with contextlib.suppress(ConnectionError):
                while part := connection.recv(MIB):
                    received += len(part)
                    time.sleep(0.2 * len(part) / MIB)
            assert (received > 40 * MIB) == reads
