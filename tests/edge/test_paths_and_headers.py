"""What callers say about paths and about themselves does not get further than it should."""

import json

import pytest

import raw
from api import METHODS
from callers import by_grpc, by_grpc_web, by_json, request
from fake_backend import FakeBackend
from processes import Edge

STATS, GET, CANCEL, CREATE = (METHODS[f"ImageGeneration.{name}"] for name in ("GetStats", "GetJob", "CancelJob", "CreateJob"))


@pytest.fixture(scope="module")
def backend():
    with FakeBackend(GetStats=lambda _: [{}], GetJob=lambda _: [{}], CancelJob=lambda _: [{}], CreateJob=lambda _: [{}]) as fake:
        yield fake


@pytest.fixture(scope="module")
def watched(backend):
    with Edge(backend.address) as envoy:
        yield envoy


# Path, status, and what the backend is asked.
PATHS = [
    ("/latentd/v1/stats", 200, STATS),
    ("/latentd/v1//stats", 200, STATS),
    ("//latentd/v1/stats", 200, STATS),
    ("/latentd/v1/./stats", 200, STATS),
    ("/latentd/v1/jobs/../stats", 200, STATS),
    ("/other/../latentd/v1/stats", 200, STATS),
    ("/latentd/v1/st%61ts", 200, STATS),
    ("/latentd/v1/jobs/a%20b", 200, GET),
    ("/latentd/v1/jobs/%3F%23", 200, GET),
    ("/latentd/v1/stats/", 200, STATS),
    ("/latentd/v1/Stats", 404, None),
    ("/latentd/v1/jobs/a/b", 404, None),
    ("/latentd/v1/jobs/..%2fstats", 400, None),
    ("/latentd/v1/jobs%2Fa", 400, None),
    ("/latentd/v1/jobs/a%5cb", 400, None),
    ("/latentd/v1%2f..%2flatentd.v1.ImageGeneration/GetStats", 400, None),
    ("/../../etc/passwd", 404, None),
    ("/latentd/v1/jobs/%2e%2e/%2e%2e/%2e%2e/%2e%2e/x", 404, None),
    ("/latentd/v1/jobs/a%00b", 400, None),
    ("/latentd/v1/../../latentd/v1/stats", 200, STATS),
    ("/latentd.v1.ImageGeneration/GetStats", 404, None),
    ("/latentd/v1/../latentd.v1.ImageGeneration/GetStats", 404, None),
    ("/latentd/v1/..;/stats", 404, None),
    ("/latentd/v1/jobs/a:unknown", 200, GET),  # a job of that name
    ("/latentd/v1/stats?unknown=1", 400, None),
    ("http://elsewhere/latentd/v1/stats", 200, STATS),
    ("*", 400, None),
]


@pytest.mark.parametrize("path,status,asked", PATHS, ids=[path for path, _, _ in PATHS])
def test_a_path_means_one_thing(backend, watched, path, status, asked):
    backend.calls.clear()
    got, body = raw.get(watched.address, path)
    assert (got, [called for called, _ in backend.calls]) == (status, [asked.path] if asked else []), body
    if status != 200:
        assert raw.error(body)[0] in (3, 5)


@pytest.mark.parametrize("verb", ["PUT", "PATCH", "POST", "HEAD", "TRACE", "CONNECT", "OPTIONS", "BREW"])
def test_other_verbs_do_nothing(backend, watched, verb):
    backend.calls.clear()
    got, _ = raw.get(watched.address, "/latentd/v1/stats", verb, headers=["x-http-method-override: GET"])
    assert got in (400, 403, 404, 405) and backend.calls == []


def test_json_does_not_reach_grpc_paths(backend, watched):
    backend.calls.clear()
    for verb, body in (("GET", b""), ("POST", b"{}")):
        assert raw.get(watched.address, CREATE.path, verb, body=body)[0] == 404
    assert backend.calls == []


def test_a_body_cannot_name_another_job_than_the_path(backend, watched):
    backend.calls.clear()
    got, body = raw.get(watched.address, "/latentd/v1/jobs/a:cancel", "POST", body=b'{"name": "jobs/b"}')
    assert (got, raw.error(body)[0], backend.calls) == (400, 3, [])


@pytest.mark.parametrize("body", [
    b"{", b"[]", b'"text"', b'{"spec": 1}', b'{"spec": {"steps": "many"}}', b'{"spec": {"seed": 1.5}}', b'{"spec": {}} {}',
    b'{"options": {"timeout": "soon"}}', b'{"spec": {"imageToImage": {"image": {"data": "?"}}}}', b"\xff\xfe", b"{}}",
    b'{"spec": {"prompt": "\xff"}}', b'{"spec": {"preview": {"kind": "KIND_NONE_SUCH"}}}', b"{" * 10000,
    b'{"spec":' * 500 + b"{}" + b"}" * 500])
def test_what_is_no_json_of_the_request_is_refused_with_a_reason(backend, watched, body):
    backend.calls.clear()
    got, answer = raw.get(watched.address, "/latentd/v1/jobs", "POST", body=body)
    assert (got, raw.error(answer), backend.calls) == (400, (3, "INVALID_ARGUMENT"), [])
    assert json.loads(answer)["message"]


def test_names_of_fields_may_be_written_both_ways_and_unknown_ones_are_dropped(backend, watched):
    for body in (b'{"requestId": "a"}', b'{"request_id": "a"}', b'{"request_id": "a", "unknown": [{}], "spec": {"seeed": 1}}'):
        assert raw.get(watched.address, "/latentd/v1/jobs", "POST", body=body)[0] == 200


FORGED = {
    "x-latentd-subject": "root", "x-latentd-roles": "admin", "x-forwarded-client-cert": "Subject=root",
    "x-envoy-retry-on": "5xx", "x-envoy-internal": "true", "x-envoy-upstream-rq-timeout-ms": "1",
    "x-envoy-original-path": "/other",
}


@pytest.mark.parametrize("way", ["gRPC", "gRPC-Web", "JSON"])
def test_what_a_caller_claims_to_be_does_not_reach_the_backend(backend, watched, way):
    backend.calls.clear()
    headers = {**FORGED, "x-mine": "kept"}
    outcome = {
        "gRPC": lambda: by_grpc(watched.address, STATS, {}, headers),
        "gRPC-Web": lambda: by_grpc_web(watched.address, STATS, {}, headers),
        "JSON": lambda: by_json(watched.address, STATS, {}, {name.title(): value for name, value in headers.items()}),
    }[way]()
    assert outcome.messages == [{}]
    (_, seen), = backend.calls
    assert seen["x-mine"] == "kept"
    assert not {name: seen[name] for name in FORGED if seen.get(name) == FORGED[name]}


def test_where_a_caller_comes_from_is_what_the_edge_sees(backend, watched):
    backend.calls.clear()
    request(watched.address, "GET", "/latentd/v1/stats", headers={"x-forwarded-for": "10.1.2.3", "x-real-ip": "10.1.2.3"})
    assert backend.calls[0][1]["x-forwarded-for"].split(",")[-1].strip() != "10.1.2.3"
