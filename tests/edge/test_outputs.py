"""A finished picture as a resource of the web."""

import base64
import contextlib
import hashlib
import http.client

import pytest

from api import METHODS
from callers import TIMEOUT, by_events, by_json, request
from fake_backend import FakeBackend
from processes import Edge

PATH = "/latentd/v1/jobs/1/outputs/0"
ETAG = '"0123abc"'
PICTURE = bytes(range(256)) * (20 << 12)  # 20 MiB, as a large clip


@pytest.fixture(scope="module")
def caching():
    """An edge before a server that names an ETag, as latentd does."""
    def get_output(context):
        context.send_initial_metadata([("etag", ETAG), ("cache-control", "private, max-age=3600, immutable")])
        yield {"contentType": "image/png", "data": base64.b64encode(PICTURE).decode()}

    with FakeBackend(GetOutput=get_output) as fake, Edge(fake.address) as envoy:
        yield envoy


@pytest.fixture(scope="module")
def picture(edge):
    """Headers and bytes of a picture that latentd made."""
    spec = {"model": "pictograms", "prompt": "a heart", "steps": 1}
    job = by_events(edge.address, METHODS["ImageGeneration.Generate"], {"spec": spec}).messages[0]["job"]
    status, headers, body = request(edge.address, "GET", f"/latentd/v1/{job}/outputs/0", headers={"accept-encoding": "br, gzip"})
    assert status == 200
    return headers, body


def test_one_get_gives_the_picture(picture):
    headers, body = picture
    assert (headers["content-type"], body[:8]) == ("image/png", b"\x89PNG\r\n\x1a\n")
    assert "content-encoding" not in headers and int(headers["content-length"]) == len(body)


def test_the_picture_may_be_kept(picture):
    headers, body = picture
    assert headers["etag"] == f'"{hashlib.sha256(body).hexdigest()}"' and "immutable" in headers["cache-control"]


def test_etag_and_cache_control_reach_the_caller(caching):
    status, headers, body = request(caching.address, "GET", PATH)
    assert (status, headers["etag"], headers["content-type"], body) == (200, ETAG, "image/png", PICTURE)
    assert headers["cache-control"] == "private, max-age=3600, immutable"


@pytest.mark.parametrize("known", [ETAG, f'"other", {ETAG}', f"W/{ETAG}", "*"])
def test_what_the_caller_has_is_not_sent(caching, known):
    status, headers, body = request(caching.address, "GET", PATH, headers={"if-none-match": known})
    assert (status, headers["etag"], body) == (304, ETAG, b"")
    assert not {"content-type", "content-length", "transfer-encoding"} & set(headers)


def test_a_connection_goes_on_after_what_was_not_sent(caching):
    with contextlib.closing(http.client.HTTPConnection(caching.address, timeout=TIMEOUT)) as connection:
        for known, status in ((ETAG, 304), ('"other"', 200), (ETAG, 304), (ETAG, 304)):
            connection.request("GET", PATH, headers={"if-none-match": known})
            response = connection.getresponse()
            assert (response.status, len(response.read())) == (status, len(PICTURE) if status == 200 else 0)


@pytest.mark.parametrize("known", ['"other"', "nonsense", '"0123"'])
def test_what_the_caller_does_not_have_is_sent(caching, known):
    assert request(caching.address, "GET", PATH, headers={"if-none-match": known})[0::2] == (200, PICTURE)


def test_an_error_is_never_not_modified(edge):
    status, headers, _ = request(edge.address, "GET", "/latentd/v1/jobs/none/outputs/0", headers={"if-none-match": "*"})
    assert status == 404 and "etag" not in headers


def test_json_of_some_size_is_compressed_as_the_caller_likes(edge):
    for coding in ("br", "gzip"):
        headers = request(edge.address, "GET", "/latentd/v1/models", headers={"accept-encoding": coding})[1]
        assert headers["content-encoding"] == coding
    assert "content-encoding" not in request(edge.address, "GET", "/latentd/v1/models")[1]
    assert len(by_json(edge.address, METHODS["Models.ListModels"], {}).messages[0]["models"]) == 2
