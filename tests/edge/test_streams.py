"""Event streams: they come as they are made, live by heartbeats, and are cut when they are silent."""

import base64
import contextlib
import http.client
import json
import time

import pytest

from api import METHODS
from callers import TIMEOUT, by_events, by_grpc, by_grpc_web, by_json
from fake_backend import FakeBackend
from processes import Edge, wait_for

WATCH = METHODS["ImageGeneration.WatchJob"]
HEARTBEAT, COMPLETED = {"job": "jobs/1", "heartbeat": {}}, {"job": "jobs/1", "sequence": "2", "completed": {}}


@pytest.fixture(scope="module")
def backend():
    def watch(context):
        for _ in range(10):
            time.sleep(0.2)
            yield HEARTBEAT
        yield COMPLETED

    def generate(context):
        yield {"job": "jobs/1", "sequence": "1", "queued": {}}
        time.sleep(3)
        yield COMPLETED

    with FakeBackend(WatchJob=watch, Generate=generate) as fake:
        yield fake


@pytest.fixture(scope="module")
def impatient(backend):
    with Edge(backend.address, STREAM_IDLE_TIMEOUT="1.5s", REQUEST_TIMEOUT="1s") as envoy:
        yield envoy


@pytest.mark.parametrize("way", [by_grpc, by_grpc_web, by_json, by_events])
def test_heartbeats_keep_a_stream(impatient, way):
    assert way(impatient.address, WATCH, {"name": "jobs/1"}).messages == [HEARTBEAT] * 10 + [COMPLETED]


@pytest.mark.parametrize("way", [by_grpc, by_grpc_web, by_json, by_events])
def test_the_largest_events_pass(way):
    chunk = base64.b64encode(bytes(1 << 20)).decode()
    events = [{"job": "jobs/1", "sequence": str(number), "outputChunk": {"data": chunk}} for number in range(1, 9)]
    with FakeBackend(WatchJob=lambda context: events) as fake, Edge(fake.address) as envoy:
        assert way(envoy.address, WATCH, {"name": "jobs/1"}).messages == events


@pytest.mark.parametrize("way", [by_json, by_events])
def test_a_silent_stream_is_cut_so_that_the_caller_sees_it(impatient, way):
    with pytest.raises((http.client.IncompleteRead, ConnectionError)):
        way(impatient.address, METHODS["ImageGeneration.Generate"], {})


def test_a_silent_grpc_stream_is_cut(impatient):
    assert by_grpc(impatient.address, METHODS["ImageGeneration.Generate"], {}).error["code"] != 0


@pytest.mark.parametrize("accept", ["application/json", "text/event-stream"])
def test_events_come_when_they_are_made(backend, impatient, accept):
    with contextlib.closing(http.client.HTTPConnection(impatient.address, timeout=TIMEOUT)) as connection:
        connection.request("GET", "/latentd/v1/jobs/1:watch", headers={"accept": accept, "accept-encoding": "gzip, br"})
        response = connection.getresponse()
        assert "content-encoding" not in response.headers
        first = time.monotonic()
        assert b"heartbeat" in response.readline()
        response.read()
        assert time.monotonic() - first > 1


def test_bytes_are_base64_and_the_picture_is_that_of_get_output(edge):
    generate = METHODS["ImageGeneration.Generate"]
    spec = {"model": "pictograms", "prompt": "a heart", "steps": 1, "seed": "3"}
    messages = by_events(edge.address, generate, {"spec": spec}).messages
    chunks = [base64.b64decode(message["outputChunk"]["data"]) for message in messages if "outputChunk" in message]
    output = by_json(edge.address, METHODS["ImageGeneration.GetOutput"], {"job": messages[0]["job"], "index": 0})
    assert base64.b64decode(output.messages[0]["data"]) == b"".join(chunks)
    assert list(messages[-1])[-1] == "completed", json.dumps(messages[-1])


@pytest.mark.parametrize("accept", ["application/json", "text/event-stream"])
def test_a_caller_who_leaves_cancels_what_it_generates(edge, accept):
    with contextlib.closing(http.client.HTTPConnection(edge.address, timeout=TIMEOUT)) as connection:
        body = json.dumps({"spec": {"model": "pictograms", "steps": 1000}})
        connection.request("POST", "/latentd/v1/images:generate", body, {"accept": accept})
        response = connection.getresponse()
        name = json.loads(response.readline().removeprefix(b"data: "))["job"]
        response.close()
    get = METHODS["ImageGeneration.GetJob"]
    wait_for("it is cancelled", lambda: by_json(edge.address, get, {"name": name}).messages[0]["state"] == "STATE_CANCELLED")
