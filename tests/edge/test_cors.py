"""What a page of another origin may do."""

import pytest

from callers import request
from conftest import ORIGIN
from processes import Edge

PATHS = ["/latentd/v1/jobs", "/latentd/v1/images:generate", "/latentd/v1/jobs/1:watch", "/latentd.v1.ImageGeneration/Generate"]
FOR_GRPC = {"grpc-status", "grpc-message", "grpc-status-details-bin"}


def words(header):
    return {word.strip().lower() for word in header.split(",")}


def preflight(edge, path, origin, verb="POST"):
    asked = {"origin": origin, "access-control-request-method": verb, "access-control-request-headers": "content-type,x-grpc-web"}
    return request(edge.address, "OPTIONS", path, headers=asked)


@pytest.mark.parametrize("path", PATHS)
def test_a_preflight_of_an_allowed_origin(edge, path):
    status, headers, _ = preflight(edge, path, ORIGIN)
    assert (status, headers["access-control-allow-origin"]) == (200, ORIGIN)
    assert words(headers["access-control-allow-methods"]) == {"get", "post", "delete"}
    assert {"content-type", "x-grpc-web", "x-user-agent", "authorization"} <= words(headers["access-control-allow-headers"])
    assert int(headers["access-control-max-age"]) > 0


@pytest.mark.parametrize("origin", ["https://other.example", "http://page.example", ORIGIN + ".evil.example", "null"])
@pytest.mark.parametrize("path", PATHS)
def test_a_preflight_of_another_origin(edge, path, origin):
    status, headers, _ = preflight(edge, path, origin)
    assert status == 404 and not [name for name in headers if name.startswith("access-control-")]


@pytest.mark.parametrize("path,status", [("/latentd/v1/stats", 200), ("/latentd/v1/jobs/none", 404), ("/latentd/v1/jobs?bad=1", 400)])
def test_answers_and_errors_may_be_read(edge, path, status):
    got, headers, _ = request(edge.address, "GET", path, headers={"origin": ORIGIN})
    assert (got, headers["access-control-allow-origin"]) == (status, ORIGIN)
    assert FOR_GRPC | {"etag"} <= words(headers["access-control-expose-headers"])


def test_nobody_is_allowed_unless_named(latentd):
    with Edge(latentd.address) as envoy:
        for path in PATHS:
            assert "access-control-allow-origin" not in preflight(envoy, path, ORIGIN)[1]
        assert "access-control-allow-origin" not in request(envoy.address, "GET", "/latentd/v1/stats", headers={"origin": ORIGIN})[1]


def test_a_star_allows_everybody(latentd):
    with Edge(latentd.address, cors_origins=["*"]) as envoy:
        assert preflight(envoy, PATHS[0], "https://any.example")[0] == 200
