"""What callers learn when replicas are gone, full or drain, and which replica is asked then."""

import contextlib

import grpc
import pytest

from api import METHODS
from callers import by_events, by_grpc, by_grpc_web, by_json, request
from fake_backend import FakeBackend
from processes import Edge, Latentd, unused_address, wait_for

CREATE, GENERATE, GET = (METHODS[f"ImageGeneration.{name}"] for name in ("CreateJob", "Generate", "GetJob"))
SPEC = {"spec": {"model": "pictograms", "prompt": "a cat", "steps": 1, "seed": "1"}}
UNAVAILABLE = 14


@pytest.fixture(scope="module")
def alone():
    """An edge whose only backend is down."""
    with Edge(unused_address(), HEALTH_INTERVAL="0.2s") as envoy:
        wait_for("the backend is seen to be down", lambda: request(envoy.address, "GET", "/healthz")[0] == 503)
        yield envoy


@pytest.mark.parametrize("way", [by_json, by_events])
@pytest.mark.parametrize("method", [GET, CREATE, GENERATE])
def test_without_backend_json_callers_get_a_status(alone, way, method):
    outcome = way(alone.address, method, {"name": "jobs/1"} if method is GET else SPEC)
    assert outcome.http_status == 503 and outcome.headers["content-type"] == "application/json"
    assert outcome.error["code"] == UNAVAILABLE and outcome.error["message"]
    assert [detail["reason"] for detail in outcome.error["details"]] == ["UNAVAILABLE"]


@pytest.mark.parametrize("way", [by_grpc, by_grpc_web])
def test_without_backend_grpc_callers_get_a_text(alone, way):
    error = way(alone.address, GENERATE, SPEC).error
    assert error["code"] == UNAVAILABLE
    assert error["message"] and "{" not in error["message"], "JSON is not for them"


@pytest.mark.parametrize("fresh", [True, False])
def test_an_unknown_service_is_unimplemented_for_grpc(edge, fresh):
    method = METHODS["ImageGeneration.GetJob"]
    unknown = type(method)(**{**vars(method), "path": "/unknown.Service/Method" if fresh else "/latentd.v1.ImageGeneration/None"})
    assert by_grpc(edge.address, unknown, {"name": "jobs/1"}).error["code"] == 12


def test_health_follows_the_backends():
    with Latentd() as first, Latentd() as second, Edge(first.address, second.address, HEALTH_INTERVAL="0.2s") as envoy:
        wait_for("healthy", lambda: request(envoy.address, "GET", "/healthz")[0] == 200)
        first.stop()
        wait_for("one is gone", lambda: envoy.stat("cluster.latentd.membership_healthy") == 1)
        assert request(envoy.address, "GET", "/healthz")[0] == 200
        second.stop()
        wait_for("both are gone", lambda: request(envoy.address, "GET", "/healthz")[0] == 503)


@contextlib.contextmanager
def full_latentd():
    """One job runs for long, one waits, more are refused."""
    with Latentd("--max-queued-jobs", "1", "--max-batch-rows", "1", "--drain-timeout", "1s") as server:
        long = {"spec": {"model": "pictograms", "steps": 1000}}
        by_grpc(server.address, CREATE, long)
        wait_for("one runs", lambda: by_grpc(server.address, METHODS["ImageGeneration.GetStats"], {}).messages[0].get("runningJobs"))
        by_grpc(server.address, CREATE, long)
        assert by_grpc(server.address, CREATE, SPEC).error["code"] == UNAVAILABLE
        yield server


def test_a_full_replica_is_asked_again_and_never_ejected():
    with full_latentd() as full, Latentd() as free, Edge(full.address, free.address) as envoy:
        for way in (by_grpc, by_grpc_web, by_json, by_events):
            for _ in range(5):
                assert way(envoy.address, GENERATE, SPEC).error == {}
        retries = envoy.stat("cluster.latentd.upstream_rq_retry")
        assert retries > 0, "the full one was asked, too"
        for _ in range(20):
            assert by_json(envoy.address, CREATE, SPEC).error == {}
        assert envoy.stat("cluster.latentd.upstream_rq_retry") > retries, "and still is"
        assert envoy.stat("outlier_detection.ejections_enforced_total") == 0


def test_when_all_are_full_the_callers_learn_when_to_come_back():
    with full_latentd() as one, full_latentd() as two, Edge(one.address, two.address) as envoy:
        for way in (by_grpc, by_grpc_web, by_json, by_events):
            outcome = way(envoy.address, GENERATE, SPEC)
            details = {detail["@type"].rsplit(".", 1)[1]: detail for detail in outcome.error["details"]}
            assert outcome.error["code"] == UNAVAILABLE
            assert details["ErrorInfo"]["reason"] == "QUEUE_FULL" and details["RetryInfo"]["retryDelay"]


def test_a_replica_that_is_gone_is_passed_by(latentd):
    # Health checks that come too late to help.
    with Edge(unused_address(), latentd.address, HEALTH_INTERVAL="3600s") as envoy:
        for _ in range(20):
            assert by_json(envoy.address, METHODS["Models.ListModels"], {}).error == {}


def test_a_request_with_a_large_picture_is_tried_elsewhere_too():
    big = {"spec": {"model": "pictograms", "imageToImage": {"image": {"data": "A" * (8 << 20)}}}}
    with FakeBackend(CreateJob=lambda context: context.abort(grpc.StatusCode.UNAVAILABLE, "full")) as full:
        with FakeBackend(CreateJob=lambda context: [{"name": "jobs/1"}]) as free, Edge(full.address, free.address) as envoy:
            for _ in range(6):
                assert by_json(envoy.address, CREATE, big).messages == [{"name": "jobs/1"}]
        assert len(full.calls) > 0


def test_an_error_after_the_first_message_is_an_end_without_a_last_event():
    begun = {"job": "jobs/1", "sequence": "1", "queued": {}}

    def dies(context):
        yield begun
        context.abort(grpc.StatusCode.UNAVAILABLE, "gone")

    with FakeBackend(Generate=dies) as backend, Edge(backend.address) as envoy:
        assert by_grpc(envoy.address, GENERATE, SPEC).error["code"] == UNAVAILABLE
        for way in (by_json, by_events):  # HTTP has no place for it: the event that is missing says it
            assert way(envoy.address, GENERATE, SPEC).messages == [begun]
        assert len(backend.calls) == 3, "nothing is tried again that has begun"


def test_a_replica_that_drains_still_answers_for_its_jobs():
    with Latentd() as server, Edge(server.address, HEALTH_INTERVAL="0.2s") as envoy:
        long = {"spec": {"model": "pictograms", "steps": 1000}}
        name = by_json(envoy.address, CREATE, long).messages[0]["name"]
        wait_for("it runs", lambda: by_json(envoy.address, GET, {"name": name}).messages[0]["state"] == "STATE_RUNNING")
        server.signal()
        wait_for("the edge knows", lambda: request(envoy.address, "GET", "/healthz")[0] == 503)
        assert by_json(envoy.address, GET, {"name": name}).messages[0]["name"] == name
        refused = by_json(envoy.address, CREATE, SPEC).error
        assert (refused["code"], refused["details"][0]["reason"]) == (UNAVAILABLE, "DRAINING")
        by_json(envoy.address, METHODS["ImageGeneration.CancelJob"], {"name": name})
