"""What callers of the OpenAI images API learn when something is wrong, and what becomes of their jobs."""

import base64
import concurrent.futures
import contextlib
import hashlib
import http.client
import io
import json
import socket
import time

import grpc
import openai
import pytest
from PIL import Image

from api import METHODS
from callers import TIMEOUT, by_grpc, request
from conftest import ORIGIN
from fake_backend import FakeBackend
from processes import Edge, Latentd, unused_address, wait_for
from test_failures import full_latentd

GENERATIONS, EDITS, MODELS = "/v1/images/generations", "/v1/images/edits", "/v1/models"
WISH = {"model": "pictograms", "prompt": "a cat"}
JSON = {"content-type": "application/json"}
PATIENCE = 120  # for pictures that take their time


def connect(edge, **more):
    return openai.OpenAI(base_url=f"http://{edge.address}/v1", max_retries=0, **{"api_key": "none", "timeout": TIMEOUT, **more})


@pytest.fixture(scope="module")
def client(edge):
    with connect(edge) as it:
        yield it


def picture(*size, mode="RGB", kind="png"):
    file = io.BytesIO()
    Image.new(mode, size, (200, 30, 30, 128)[:len(mode)]).save(file, kind)
    return file.getvalue()


def post(edge, body, path=GENERATIONS, headers=JSON):
    """Status and error of a request that the package would not send."""
    status, got, answer = request(edge.address, "POST", path, body, headers)
    assert got["content-type"] == "application/json" and int(got["content-length"]) == len(answer)
    error, = json.loads(answer).items()
    assert error[0] == "error" and set(error[1]) == {"message", "type", "param", "code"}
    return status, error[1]


# Parameters, and which of them is wrong.
REFUSED = [
    ({"n": 0}, "n"),
    ({"n": 11}, "n"),
    ({"n": 2, "stream": True}, "n"),
    ({"size": "63x64"}, "size"),
    ({"size": "64x63"}, "size"),
    ({"size": "9999x64"}, "size"),
    ({"size": "64"}, "size"),
    ({"size": "0x0"}, "size"),
    ({"size": "-64x64"}, "size"),
    ({"size": "64x64x64"}, "size"),
    ({"response_format": "url"}, "response_format"),
    ({"output_format": "gif"}, "output_format"),
    ({"output_format": "jpeg", "output_compression": 101}, "output_compression"),
    ({"output_compression": 50}, "output_compression"),
    ({"partial_images": 2}, "partial_images"),
    ({"partial_images": 4, "stream": True}, "partial_images"),
    ({"background": "transparent"}, "background"),
    ({"quality": "high"}, "quality"),
    ({"moderation": "low"}, "moderation"),
    ({"style": "vivid"}, "style"),
    ({"safety_identifier": "x"}, "safety_identifier"),
    ({"user": "x" * 129}, "user"),
    ({"prompt": "(unpaired"}, "prompt"),
    ({"prompt": "x" * 8193}, "prompt"),
    ({"model": ""}, "model"),
    ({"extra_body": {"seed": -1}}, "seed"),
    ({"extra_body": {"seed": 2**63}}, "seed"),
    ({"extra_body": {"steps": 3}}, "steps"),
    ({"extra_body": {"image": "x"}}, "image"),
]


@pytest.mark.parametrize("more,param", REFUSED, ids=[str(row[0])[:50] for row in REFUSED])
def test_what_is_wrong_is_named(client, more, param):
    with pytest.raises(openai.BadRequestError) as found:
        client.images.generate(**{**WISH, **more})
    assert (found.value.param, found.value.type) == (param, "invalid_request_error")
    assert found.value.message and "spec." not in found.value.message.split("; a backslash")[0]


def test_several_unsupported_parameters_are_all_named(client):
    with pytest.raises(openai.BadRequestError) as found:
        client.images.generate(**WISH, style="vivid", safety_identifier="x", n=99)
    assert found.value.code == "unsupported_parameter"
    assert "safety_identifier, style are not supported" in found.value.message


def test_a_model_that_is_not_there(client):
    with pytest.raises(openai.NotFoundError) as found:
        client.images.generate(model="none", prompt="a cat")
    assert found.value.code == "model_not_found"


def test_a_model_that_cannot_do_it(client):
    with pytest.raises(openai.BadRequestError) as found:
        client.images.edit(model="pictograms-pixels", prompt="", image=picture(64, 64))
    assert found.value.code == "task_not_offered"


# What goes with the parameters of an edit, and which of them is wrong.
BAD_EDITS = [
    ({"image": b"no picture"}, "image"),
    ({"image": [picture(64, 64), picture(64, 64)]}, "image"),
    ({"image": []}, "image"),
    ({"image": picture(64, 64)[:-20]}, "image"),
    ({"mask": b"no picture"}, "mask"),
    ({"mask": picture(32, 32, mode="RGBA")}, "mask"),
    ({"mask": picture(64, 64)}, "mask"),
    ({"mask": picture(64, 64, kind="jpeg")}, "mask"),
    ({"input_fidelity": "high"}, "input_fidelity"),
    ({"markup": picture(64, 64)}, "markup"),
    ({"extra_body": {"svg": {"model": "x"}}}, "svg[model]"),
    ({"n": 11}, "n"),
    ({"extra_body": {"n": "two"}}, "n"),
    ({"extra_body": {"stream": "yes"}}, "stream"),
]


@pytest.mark.parametrize("more,param", BAD_EDITS, ids=[f"{index}-{row[1]}" for index, row in enumerate(BAD_EDITS)])
@pytest.mark.parametrize("stream", [False, True])
def test_what_is_wrong_with_an_edit_is_named(client, more, param, stream):
    """Also what shows only when its job has begun; as long as nothing was streamed, it is a status of HTTP."""
    with pytest.raises(openai.BadRequestError) as found:
        answer = client.images.edit(**{**WISH, "image": picture(64, 64), "stream": stream, **more})
        assert not stream or list(answer)
    assert (found.value.param, found.value.type) == (param, "invalid_request_error")


@pytest.mark.parametrize("body", [
    b"", b"{", b"[]", b'"text"', b"\xff", b'{"prompt": "\xff"}', b"null", b"{}{}", b"{" * 100000, b'{"a":' * 100000])
def test_what_is_no_object_is_refused(edge, body):
    status, error = post(edge, body)
    assert (status, error["code"], error["param"]) == (400, "malformed_body", None)


@pytest.mark.parametrize("body,param", [
    ('{"model": "pictograms"}', "prompt"), ('{"prompt": "a cat"}', "model"), ('{"model": null, "prompt": "a"}', "model"),
    ('{"model": 1, "prompt": "a"}', "model"), ('{"model": "pictograms", "prompt": ["a"]}', "prompt"),
    ('{"model": "pictograms", "prompt": "a", "n": 1.0}', "n"), ('{"model": "pictograms", "prompt": "a", "n": "1"}', "n"),
    ('{"model": "pictograms", "prompt": "a", "n": 1e999}', None), ('{"model": "pictograms", "prompt": "a", "stream": 1}', "stream"),
    ('{"model": "pictograms", "prompt": "a", "prompt": "b"}', "prompt"),
    ('{"model": "pictograms", "prompt": "a", "\\"quoted\\\\": 1}', '"quoted\\')])
def test_types_and_repetitions(edge, body, param):
    status, error = post(edge, body)
    assert (status, error["param"]) == (400, param)


@pytest.mark.parametrize("path,kind", [
    (GENERATIONS, "application/x-www-form-urlencoded"), (GENERATIONS, "text/plain"), (GENERATIONS, "multipart/form-data; boundary=x"),
    (EDITS, "application/json"), (EDITS, "text/plain"), (EDITS, "multipart/form-data; boundary=")])
def test_bodies_of_other_kinds(edge, path, kind):
    status, error = post(edge, "{}", path, {"content-type": kind})
    assert (status, error["code"]) == (400, "unsupported_content_type")


@pytest.mark.parametrize("kind", ["multipart/form-data", "multipart/form-data; boundary=y"])
def test_forms_without_their_boundary(edge, kind):
    status, error = post(edge, '--x\r\ncontent-disposition: form-data; name="n"\r\n\r\n1\r\n--x--\r\n', EDITS, {"content-type": kind})
    assert (status, error["code"]) == (400, "malformed_body")


@pytest.mark.parametrize("verb,path,status", [
    ("GET", GENERATIONS, 405), ("PUT", GENERATIONS, 405), ("GET", EDITS, 405), ("DELETE", MODELS + "/pictograms", 405),
    ("POST", MODELS, 405), ("GET", "/v1/", 404), ("POST", "/v1/images/variations", 404), ("POST", "/v1/chat/completions", 404),
    ("GET", MODELS + "/a/b", 404), ("GET", MODELS + "?after=x", 400), ("POST", GENERATIONS + "?x=1", 400)])
def test_paths_and_methods_that_are_not_served(edge, verb, path, status):
    got, headers, answer = request(edge.address, verb, path, b"{}" if verb == "POST" else None, JSON)
    error = json.loads(answer)["error"]
    assert (got, headers["content-type"], error["type"]) == (status, "application/json", "invalid_request_error")
    assert error["message"] and error["code"]


@pytest.mark.parametrize("size", [9 << 20, 13 << 20])
def test_bodies_have_a_limit(edge, client, size):
    with pytest.raises(openai.APIStatusError) as found:
        client.images.edit(**WISH, image=bytes(size))
    assert (found.value.status_code, found.value.code) == (413, "request_too_large")


def test_a_large_picture_is_taken(client):
    noise = Image.effect_noise((2600, 2600), 100)  # 6 MB
    file = io.BytesIO()
    noise.save(file, "png")
    assert len(file.getvalue()) > 5 << 20
    assert client.images.edit(**WISH, image=file.getvalue(), size="64x64").size == "64x64"


def test_pages_may_read_errors(edge):
    _, headers, _ = request(edge.address, "GET", MODELS + "/none", headers={"origin": ORIGIN})
    assert headers["access-control-allow-origin"] == ORIGIN


def test_without_a_backend():
    with Edge(unused_address(), HEALTH_INTERVAL="0.2s") as envoy, connect(envoy) as client:
        wait_for("the backend is seen to be down", lambda: request(envoy.address, "GET", "/healthz")[0] == 503)
        for call in (client.models.list, lambda: client.images.generate(**WISH), lambda: client.images.generate(**WISH, stream=True)):
            with pytest.raises(openai.InternalServerError) as found:
                call()
            assert (found.value.status_code, found.value.type, found.value.code) == (503, "server_error", "unavailable")


def test_a_full_server_says_when_to_come_back_and_another_is_asked():
    with full_latentd() as full:
        with Edge(full.address) as envoy, connect(envoy) as client, pytest.raises(openai.InternalServerError) as found:
            client.images.generate(**WISH)
        assert (found.value.status_code, found.value.code, found.value.type) == (503, "queue_full", "server_error")
        assert int(found.value.response.headers["retry-after"]) > 0
        with Latentd() as free, Edge(full.address, free.address) as envoy, connect(envoy) as client:
            for _ in range(8):
                assert len(client.images.generate(**WISH).data) == 1
            assert envoy.stat("cluster.latentd.upstream_rq_retry") > 0


@contextlib.contextmanager
def in_background(work):
    """Runs `work` meanwhile; its result is there afterwards."""
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        future = pool.submit(work)
        yield future
        future.result(PATIENCE)


def runs(server):
    return by_grpc(server.address, METHODS["ImageGeneration.GetStats"], {}).messages[0].get("runningJobs")


def test_a_job_that_a_draining_server_gives_up_is_done_by_another():
    def replica():
        return Latentd("--drain-timeout", "1s", "--max-batch-rows", "1")

    with replica() as one, replica() as two, Edge(one.address, two.address) as envoy, connect(envoy, timeout=PATIENCE) as client:
        with in_background(lambda: client.images.generate(**WISH, n=4, size="256x256")) as answer:
            busy = wait_for("one of them is busy", lambda: next((each for each in (one, two) if runs(each)), None))
            assert busy.stop() == 0 and not answer.done()
        assert len(answer.result().data) == 4


def test_who_waits_for_a_picture_may_wait_longer_than_streams_are_quiet():
    def slow(context):
        time.sleep(3)
        yield body_of("application/json", '{"created": 1, "data": []}')

    with FakeBackend(**{"OpenAI.GenerateImages": slow}) as backend, Edge(backend.address, STREAM_IDLE_TIMEOUT="1s") as envoy:
        with connect(envoy) as client:
            assert client.images.generate(**WISH).created == 1


@pytest.fixture
def guarded(tmp_path):
    """An edge before a server that wants keys: `cook` may generate, by and by, `guest` may read."""
    def entry(key, tenant, role):
        return f"- {{id: {key}, sha256: {hashlib.sha256(key.encode()).hexdigest()}, tenant: {tenant}, roles: [{role}]}}\n"

    keys, tenants = tmp_path / "keys.yaml", tmp_path / "tenants.yaml"
    keys.write_text(entry("cook", "kitchen", "generate") + entry("guest", "hall", "read"))
    tenants.write_text("tenants: {kitchen: {pixel_steps_per_minute: 1}}\n")
    with Latentd("--api-keys", str(keys), "--tenants", str(tenants)) as server, Edge(server.address) as envoy:
        yield envoy


def test_keys_roles_and_quotas(guarded):
    for key in ("none", "cooks"):
        with connect(guarded, api_key=key) as stranger, pytest.raises(openai.AuthenticationError) as unknown:
            stranger.models.list()
        assert unknown.value.type == "invalid_request_error" and unknown.value.code
    with connect(guarded, api_key="guest") as guest:
        assert len(guest.models.list().data) == 2
        for stream in (False, True):
            with pytest.raises(openai.PermissionDeniedError) as denied:
                guest.images.generate(**WISH, stream=stream)
            assert denied.value.code == "role_missing"
    with connect(guarded, api_key="cook") as cook:
        assert len(cook.images.generate(**WISH).data) == 1
        with pytest.raises(openai.RateLimitError) as spent:
            cook.images.generate(**WISH)
        assert spent.value.type == "rate_limit_error" and spent.value.code
        assert int(spent.value.response.headers["retry-after"]) > 0


def body_of(media_type, text):
    return {"contentType": media_type, "data": base64.b64encode(text.encode()).decode()}


def test_an_error_in_the_middle_of_a_stream_is_an_event():
    def answer(context):
        error = {"type": "error", "error": {"message": "no more", "type": "server_error", "param": None, "code": "internal"}}
        yield body_of("text/event-stream", ": heartbeat\n\n")
        yield body_of("text/event-stream", f"event: error\ndata: {json.dumps(error)}\n\n")

    with FakeBackend(**{"OpenAI.GenerateImages": answer}) as backend, Edge(backend.address) as envoy, connect(envoy) as client:
        with pytest.raises(openai.APIError) as found:
            list(client.images.generate(**WISH, stream=True))
        assert (found.value.message, found.value.code) == ("no more", "internal")


def test_a_key_goes_to_the_backend():
    with FakeBackend(**{"OpenAI.GenerateImages": lambda _: [body_of("application/json", '{"created": 1, "data": []}')]}) as backend:
        with Edge(backend.address) as envoy, connect(envoy, api_key="the key") as client:
            client.images.generate(**WISH)
        (_, metadata), = backend.calls
        assert metadata["authorization"] == "Bearer the key"


def test_statuses_of_grpc_are_errors_of_this_api():
    """What no code of the service's own words: authentication, say."""
    for code, status, kind in ((grpc.StatusCode.UNAUTHENTICATED, 401, "invalid_request_error"),
                               (grpc.StatusCode.PERMISSION_DENIED, 403, "invalid_request_error"),
                               (grpc.StatusCode.RESOURCE_EXHAUSTED, 429, "rate_limit_error"),
                               (grpc.StatusCode.INTERNAL, 500, "server_error")):
        def refuse(context, code=code):
            context.abort(code, 'a "quoted" word, a \\ and\na line ✿')

        with FakeBackend(**{"OpenAI.GenerateImages": refuse}) as backend, Edge(backend.address) as envoy:
            got, error = post(envoy, json.dumps(WISH))
        assert (got, error) == (status, {"message": 'a "quoted" word, a \\ and\na line ✿', "type": kind, "param": None, "code": None})


@pytest.mark.parametrize("stream", [False, True])
def test_a_caller_who_leaves_cancels_the_job(latentd, edge, stream):
    user = f"leaves-{stream}"

    def jobs():
        return by_grpc(latentd.address, METHODS["ImageGeneration.ListJobs"], {"labels": [f"user={user}"]}).messages[0].get("jobs")

    wish = {**WISH, "size": "256x256", "user": user, **({"stream": True} if stream else {"n": 10})}
    with contextlib.closing(http.client.HTTPConnection(edge.address, timeout=TIMEOUT)) as connection:
        connection.request("POST", GENERATIONS, json.dumps(wish), JSON)
        wait_for("it begins", jobs)
        connection.sock.shutdown(socket.SHUT_RDWR)
    wait_for("it is cancelled", lambda: jobs()[0]["state"] == "STATE_CANCELLED")
