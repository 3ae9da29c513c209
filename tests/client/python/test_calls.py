"""Calls that are one request and one answer, their tries and their errors; large inputs."""

from __future__ import annotations

import copy
import hashlib
import pickle
import threading

import grpc
import latentd
import pytest
from google.api.httpbody_pb2 import HttpBody
from google.protobuf.empty_pb2 import Empty
from google.protobuf.wrappers_pb2 import Int32Value
from google.rpc import error_details_pb2
from latentd import v1
from latentd.v1 import image_generation_pb2, models_pb2

from fake_server import JOB, LOST, Failure, completed

LARGE = bytes(range(256)) * 10_000  # 2.4 MiB


class Blobs:
    """The server's side of PutChunk, for one blob."""

    def __init__(self):
        self.data = b""

    def __call__(self, request):
        if request.offset == len(self.data):
            self.data += request.data
        complete = len(self.data) == request.total_size
        return v1.Blob(sha256=request.sha256, received_size=len(self.data), complete=complete)


def test_all_pages_are_listed(ask, server):
    page = image_generation_pb2.ListJobsResponse
    server.answer(
        "ListJobs",
        page(jobs=[v1.Job(name="jobs/1"), v1.Job(name="jobs/2")], next_page_token="next"),
        page(jobs=[v1.Job(name="jobs/3")]),
    )
    found = ask(lambda client: client.list_jobs(states=["running", "STATE_QUEUED"], labels={"team": "a"}))
    assert [job.name for job in found] == ["jobs/1", "jobs/2", "jobs/3"]
    first, second = server.requests["ListJobs"]
    assert list(first.states) == [v1.Job.STATE_RUNNING, v1.Job.STATE_QUEUED]
    assert list(first.labels) == ["team=a"]
    assert (first.page_token, second.page_token) == ("", "next")


def test_models_and_adapters(ask, server):
    server.answer("ListModels", models_pb2.ListModelsResponse(models=[v1.Model(name="models/m")]))
    server.answer("ListAdapters", models_pb2.ListAdaptersResponse(adapters=[v1.Adapter(name="adapters/a")]))
    for method in ("GetModel", "LoadModel", "UnloadModel"):
        server.answer(method, v1.Model(name="models/m"))
    assert [model.name for model in ask(lambda client: client.list_models())] == ["models/m"]
    assert [adapter.name for adapter in ask(lambda client: client.list_adapters())] == ["adapters/a"]
    assert ask(lambda client: client.get_model("m")).name == "models/m"
    assert ask(lambda client: client.load_model("models/m")).name == "models/m"
    assert ask(lambda client: client.unload_model("m")).name == "models/m"
    for method in ("GetModel", "LoadModel", "UnloadModel"):
        assert [request.name for request in server.requests[method]] == ["models/m"]


def test_jobs_and_outputs(ask, server):
    server.answer("GetJob", v1.Job(name=JOB))
    server.answer("DeleteJob", Empty())
    server.answer("GetOutput", HttpBody(content_type="image/png", data=b"x" * (5 << 20)))
    job = ask(lambda client: client.get_job(JOB))
    assert ask(lambda client: client.cancel_job(job)).name == JOB
    assert ask(lambda client: client.delete_job(job)) is None
    file = ask(lambda client: client.get_output(job, 2))
    assert (file.media_type, len(file.data)) == ("image/png", 5 << 20)
    assert server.requests["GetOutput"][0].index == 2


def test_health_is_tried_once(ask, server, clock):
    server.answer("Check", Int32Value(value=1), Int32Value(value=2), LOST)
    assert ask(lambda client: client.health()) is True
    assert ask(lambda client: client.health()) is False
    with pytest.raises(latentd.Unavailable):
        ask(lambda client: client.health())
    assert clock.pauses == []


def test_stats(ask, server):
    server.answer("GetStats", LOST, image_generation_pb2.Stats(queued_jobs=3))
    assert ask(lambda client: client.stats()).queued_jobs == 3


def test_a_server_that_is_not_there_is_tried_for_ten_seconds(kind, options, clock):
    with pytest.raises(latentd.Unavailable):
        kind("127.0.0.1:1", options=options)(lambda client: client.stats())
    assert 3 <= sum(clock.pauses) <= 10


def test_a_server_that_does_not_answer_is_tried_again(kind, server, clock):
    held = threading.Event()
    server.answer("GetStats", lambda _: held.wait(10) and v1.Stats(), v1.Stats(images=1))
    options = latentd.ClientOptions(call_timeout=0.1, clock=clock)
    assert kind(server.address, options=options)(lambda client: client.stats()).images == 1
    held.set()
    assert clock.pauses


def test_a_refused_request_says_what_is_wrong(ask, server):
    violation = error_details_pb2.BadRequest.FieldViolation(field="spec.steps", description="must be from 1 to 1000")
    details = [error_details_pb2.BadRequest(field_violations=[violation])]
    refusal = Failure(grpc.StatusCode.INVALID_ARGUMENT, "the request is wrong", "INVALID_FIELDS", details=details)
    server.answer("CreateJob", refusal)
    with pytest.raises(latentd.InvalidArgument) as caught:
        ask(lambda client: client.generate(model="m", steps=-1))
    error = caught.value
    assert str(error) == "the request is wrong\n  spec.steps: must be from 1 to 1000"
    assert error.field_violations == [latentd.FieldViolation("spec.steps", "must be from 1 to 1000")]
    assert (error.code, error.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELDS")
    assert error.job == ""


def test_a_used_up_quota_says_whose(ask, server):
    violation = error_details_pb2.QuotaFailure.Violation(subject="key:a", description="10 jobs at once")
    details = [error_details_pb2.QuotaFailure(violations=[violation])]
    server.answer("CreateJob", Failure(grpc.StatusCode.RESOURCE_EXHAUSTED, "too many", "QUOTA", details=details))
    with pytest.raises(latentd.ResourceExhausted, match="too many\n  key:a: 10 jobs at once") as caught:
        ask(lambda client: client.create_job(model="m"))
    assert caught.value.quota_violations == [latentd.QuotaViolation("key:a", "10 jobs at once")]


@pytest.mark.parametrize("repeat", [copy.copy, lambda error: pickle.loads(pickle.dumps(error))])
def test_errors_can_be_handed_to_other_processes(repeat):
    error = latentd.JobCancelled("gone", job=JOB)
    error.reason = "CALLER"
    again = repeat(error)
    assert (type(again), str(again), again.job, again.reason) == (type(error), str(error), JOB, "CALLER")


def test_a_blob_is_sent_in_parts(ask, server):
    blobs = Blobs()
    server.answer("PutChunk", blobs)
    assert ask(lambda client: client.put_blob(LARGE)) == hashlib.sha256(LARGE).hexdigest()
    assert blobs.data == LARGE
    assert [len(r.data) for r in server.requests["PutChunk"]] == [0, 1 << 20, 1 << 20, len(LARGE) - (2 << 20)]


def test_a_blob_that_is_there_is_not_sent(ask, server):
    server.answer("PutChunk", v1.Blob(complete=True))
    ask(lambda client: client.put_blob(LARGE))
    assert [len(r.data) for r in server.requests["PutChunk"]] == [0]


def test_a_blob_goes_on_where_the_server_is(ask, server):
    blobs = Blobs()
    blobs.data = LARGE[:1000]
    server.answer("PutChunk", blobs, LOST, blobs)
    ask(lambda client: client.put_blob(LARGE))
    assert [r.offset for r in server.requests["PutChunk"]][:3] == [0, 1000, 1000]
    assert blobs.data == LARGE


def test_a_server_that_keeps_losing_a_blob_is_given_up(ask, server):
    server.answer("PutChunk", v1.Blob(received_size=0))
    with pytest.raises(latentd.Unavailable, match="lost what was sent of the blob"):
        ask(lambda client: client.put_blob(LARGE))


def test_an_empty_blob_is_refused(ask):
    with pytest.raises(ValueError, match="at least one byte"):
        ask(lambda client: client.put_blob(b""))


def test_large_pictures_go_ahead_as_blobs_and_again_when_forgotten(ask, server):
    small = b"small"
    server.answer("PutChunk", v1.Blob(complete=True))
    server.answer("CreateJob", Failure(grpc.StatusCode.NOT_FOUND, reason="BLOB_NOT_FOUND"), v1.Job(name=JOB))
    server.answer("WatchJob", [completed(1)])
    spec = v1.GenerationSpec(model="m", image_to_image=v1.ImageToImage(image=v1.InputImage(data=LARGE, fit="FIT_CROP")))
    ask(
        lambda client: client.generate(
            spec, controls=[{"name": "pose", "image": small}, {"name": "pose", "image": LARGE}]
        )
    )
    sent = server.requests["CreateJob"][1].spec
    sha256 = hashlib.sha256(LARGE).hexdigest()
    assert sent.image_to_image.image == v1.InputImage(blob_sha256=sha256, fit="FIT_CROP")
    assert [control.image.WhichOneof("source") for control in sent.controls] == ["data", "blob_sha256"]
    assert [r.sha256 for r in server.requests["PutChunk"]] == [sha256] * 4
    assert spec.image_to_image.image.data == LARGE  # the caller's own stays as it is


def test_the_largest_of_many_pictures_go_ahead_until_the_rest_fits_into_a_message(ask, server):
    pictures = [bytes([i]) * (1_000_000 if i == 5 else 950_000) for i in range(8)]
    server.answer("PutChunk", v1.Blob(complete=True))
    server.answer("CreateJob", v1.Job(name=JOB))
    image_to_image = {"image": b"i" * 800_000}
    controls = [{"name": "pose", "image": picture} for picture in pictures]
    ask(lambda client: client.create_job(model="m", image_to_image=image_to_image, controls=controls))
    largest = [hashlib.sha256(pictures[i]).hexdigest() for i in (5, 0)]
    assert [request.sha256 for request in server.requests["PutChunk"]] == largest
    sent = server.requests["CreateJob"][0].spec
    assert sent.ByteSize() <= 7 << 20
    assert [bytes(control.image.data) for control in sent.controls] == [
        b"" if i in (0, 5) else picture for i, picture in enumerate(pictures)
    ]
