"""Each request of a table through gRPC, gRPC-Web and JSON, and those that the OpenAI images API can say through that as
well: what gRPC says without the edge, all say."""

import base64
import hashlib
import io

import grpc
import pytest
from PIL import Image

import callers
from api import METHODS
from callers import by_events, by_grpc, by_grpc_web, by_json, by_openai

OK, INVALID, NOT_FOUND, EXISTS, PRECONDITION = 0, 3, 5, 6, 9
HTTP_STATUS = {OK: 200, INVALID: 400, NOT_FOUND: 404, EXISTS: 409, PRECONDITION: 400}
SPEC = {"model": "pictograms", "prompt": "a red apple ✿", "steps": 1, "seed": "7"}
WISH = {"model": "pictograms", "prompt": "a red apple ✿", "seed": "7"}  # the OpenAI images API has no steps
BLOB = b"twelve bytes"
SHA256 = hashlib.sha256(BLOB).hexdigest()
PART = {"sha256": SHA256, "totalSize": "12", "data": base64.b64encode(BLOB).decode()}
JOB = "the job that is done"  # takes its name's place below


def picture(mode, color, hole=None):
    it = Image.new(mode, (64, 64), color)
    if hole:
        it.paste(hole, (0, 0, 32, 64))
    file = io.BytesIO()
    it.save(file, "png")
    return {"data": base64.b64encode(file.getvalue()).decode()}


RED, MASK = picture("RGB", (200, 30, 30)), picture("RGBA", (0, 0, 0, 255), (0, 0, 0, 0))
BY_TRANSPARENCY = "MASK_KIND_TRANSPARENT"

# Method, request, the status code of gRPC.
TABLE = [
    ("Models.ListModels", {}, OK),
    ("Models.ListModels", {"pageSize": 1}, OK),
    ("Models.ListModels", {"pageSize": -1}, INVALID),
    ("Models.GetModel", {"name": "models/pictograms"}, OK),
    ("Models.GetModel", {"name": "models/none"}, NOT_FOUND),
    ("Models.GetModel", {"name": "models/a name with spaces"}, NOT_FOUND),
    ("Models.LoadModel", {"name": "models/pictograms"}, OK),
    ("Models.LoadModel", {"name": "models/none"}, NOT_FOUND),
    ("Models.UnloadModel", {"name": "models/none"}, NOT_FOUND),
    ("Models.ListAdapters", {}, OK),
    ("Models.ListAdapters", {"pageSize": -1}, INVALID),
    ("Blobs.PutChunk", PART, OK),
    ("Blobs.PutChunk", {**PART, "sha256": "abc"}, INVALID),
    ("Blobs.PutChunk", {**PART, "offset": "5"}, INVALID),
    ("Blobs.PutChunk", {}, INVALID),
    ("Blobs.Get", {"sha256": SHA256}, OK),
    ("Blobs.Get", {"sha256": "0" * 64}, NOT_FOUND),
    ("Blobs.Get", {"sha256": "abc"}, INVALID),
    ("ImageGeneration.Generate", {"spec": SPEC}, OK),
    ("ImageGeneration.Generate", {"spec": {**SPEC, "numImages": 2, "preview": {"kind": "KIND_IMAGE"}}}, OK),
    ("ImageGeneration.Generate", {"spec": {**SPEC, "imageToImage": {"image": {"data": "bm8="}}}}, INVALID),
    ("ImageGeneration.Generate", {"spec": {"model": "none"}}, NOT_FOUND),
    ("ImageGeneration.Generate", {"spec": {**SPEC, "steps": -1, "width": 63, "seed": "-1"}}, INVALID),
    ("ImageGeneration.Generate", {"spec": {**SPEC, "prompt": "(unpaired"}}, INVALID),
    ("ImageGeneration.Generate", {"spec": {**SPEC, "classToImage": {"label": 1}}}, PRECONDITION),
    ("ImageGeneration.Generate", {}, INVALID),
    ("ImageGeneration.Generate", {"spec": WISH}, OK),
    ("ImageGeneration.Generate", {"spec": {**WISH, "numImages": 2, "width": 32, "height": 48}}, OK),
    ("ImageGeneration.Generate", {"spec": {**WISH, "output": {"format": "IMAGE_FORMAT_JPEG", "quality": 70}}}, OK),
    ("ImageGeneration.Generate", {"spec": {**WISH, "output": {"format": "IMAGE_FORMAT_WEBP", "quality": 100}}}, OK),
    ("ImageGeneration.Generate", {"spec": {**WISH, "imageToImage": {"image": RED}}}, OK),
    ("ImageGeneration.Generate", {"spec": {**WISH, "inpaint": {"image": RED, "mask": MASK, "maskKind": BY_TRANSPARENCY}}}, OK),
    ("ImageGeneration.Generate", {"spec": {**WISH, "imageToImage": {"image": {"data": "bm8="}}}}, INVALID),
    ("ImageGeneration.Generate", {"spec": {**WISH, "model": "none"}}, NOT_FOUND),
    ("ImageGeneration.Generate", {"spec": {**WISH, "width": 63, "height": 64}}, INVALID),
    ("ImageGeneration.Generate", {"spec": {**WISH, "seed": "-1"}}, INVALID),
    ("ImageGeneration.Generate", {"spec": {**WISH, "numImages": 65}}, INVALID),
    ("ImageGeneration.Generate", {"spec": {**WISH, "prompt": "(unpaired"}}, INVALID),
    ("ImageGeneration.Generate", {"spec": {**WISH, "prompt": "a" * 8193}}, INVALID),
    ("ImageGeneration.Generate", {"spec": {**WISH, "model": "pictograms-pixels"}}, INVALID),
    ("ImageGeneration.Generate", {"spec": {"model": "pictograms-pixels", "prompt": "", "imageToImage": {"image": RED}}}, PRECONDITION),
    ("ImageGeneration.CreateJob", {"spec": {**SPEC, "sampler": "none"}}, INVALID),
    ("ImageGeneration.CreateJob", {"spec": SPEC, "requestId": "the id"}, OK),
    ("ImageGeneration.CreateJob", {"spec": {**SPEC, "seed": "8"}, "requestId": "the id"}, EXISTS),
    ("ImageGeneration.CreateJob", {"spec": SPEC, "options": {"priority": 11, "labels": {"a=b": "c"}}}, INVALID),
    ("ImageGeneration.CreateJob", {"spec": SPEC, "options": {"timeout": "-1s"}}, INVALID),
    ("ImageGeneration.CreateJob", {"spec": SPEC, "requestId": "x" * 65}, INVALID),
    ("ImageGeneration.GetJob", {"name": JOB}, OK),
    ("ImageGeneration.GetJob", {"name": "jobs/none"}, NOT_FOUND),
    ("ImageGeneration.ListJobs", {"labels": ["of=test", "and=more"]}, OK),
    ("ImageGeneration.ListJobs", {"states": ["STATE_FAILED", "STATE_CANCELLED"]}, OK),
    ("ImageGeneration.ListJobs", {"labels": ["nothing"]}, INVALID),
    ("ImageGeneration.ListJobs", {"pageToken": "no token"}, INVALID),
    ("ImageGeneration.CancelJob", {"name": JOB}, OK),
    ("ImageGeneration.CancelJob", {"name": "jobs/none"}, NOT_FOUND),
    ("ImageGeneration.DeleteJob", {"name": "jobs/none"}, NOT_FOUND),
    ("ImageGeneration.WatchJob", {"name": JOB}, OK),
    ("ImageGeneration.WatchJob", {"name": JOB, "afterSequence": "3"}, OK),
    ("ImageGeneration.WatchJob", {"name": JOB, "afterSequence": "-1"}, INVALID),
    ("ImageGeneration.WatchJob", {"name": "jobs/none"}, NOT_FOUND),
    ("ImageGeneration.WatchJobs", {"jobs": [{"name": JOB}]}, OK),
    ("ImageGeneration.WatchJobs", {"jobs": [{"name": JOB}, {"name": JOB}]}, INVALID),
    ("ImageGeneration.WatchJobs", {}, INVALID),
    ("ImageGeneration.GetOutput", {"job": JOB, "index": 0}, OK),
    ("ImageGeneration.GetOutput", {"job": JOB, "index": 9}, NOT_FOUND),
    ("ImageGeneration.GetOutput", {"job": JOB, "index": -1}, INVALID),
]
SAID_BY_OPENAI = [row for row in TABLE if callers.openai_can_say(METHODS[row[0]], row[1])]
# What two jobs of one specification do not share.
NEW_EACH_TIME = ("job", "sequence", "time", "eta", "usage", "queued")


def without(value, names):
    if isinstance(value, dict):
        return {key: without(each, names) for key, each in value.items() if key not in names}
    return [without(each, names) for each in value] if isinstance(value, list) else value


def lasting(method, messages):
    """What two calls have in common: of new jobs what is drawn, of others everything (a blob's use moves its end)."""
    if method == METHODS["ImageGeneration.CreateJob"]:  # it goes on meanwhile
        return [{name: job[name] for name in ("name", "spec", "options", "requestId", "createTime")} for job in messages]
    if method != METHODS["ImageGeneration.Generate"]:
        return without(messages, ("expireTime",))
    # A reader gets only the newest progress, so how much of it comes is chance.
    return [message for message in without(messages, NEW_EACH_TIME) if message and "progress" not in message]


@pytest.fixture(scope="module")
def job(latentd):
    """A job that has ended."""
    labels = {"of": "test", "and": "more"}
    create = by_grpc(latentd.address, METHODS["ImageGeneration.CreateJob"], {"spec": SPEC, "options": {"labels": labels}})
    name = create.messages[0]["name"]
    by_grpc(latentd.address, METHODS["ImageGeneration.WatchJob"], {"name": name})
    return name


def pictures(messages):
    """Of a job's events: the files, by index."""
    files = {}
    for chunk in (message["outputChunk"] for message in messages if "outputChunk" in message):
        index = chunk.get("index", 0)
        files[index] = files.get(index, b"") + base64.b64decode(chunk["data"])
    return [files[index] for index in sorted(files)]


def put(value, job):
    if isinstance(value, dict):
        return {key: put(each, job) for key, each in value.items()}
    if isinstance(value, list):
        return [put(each, job) for each in value]
    return job if value == JOB else value


def test_the_table_has_every_rpc_but_the_statistics_which_never_stay():
    without_openai = {name for name in METHODS if not name.startswith("OpenAI.")}
    assert {name for name, _, _ in TABLE} == without_openai - {"ImageGeneration.GetStats"}


@pytest.mark.parametrize("name,fields,code", TABLE, ids=[f"{index}-{row[0]}" for index, row in enumerate(TABLE)])
def test_same(latentd, edge, job, name, fields, code):
    method = METHODS[name]
    fields = put(fields, job)
    straight = by_grpc(latentd.address, method, fields)
    assert straight.error.get("code", OK) == code, straight.error
    ways = [by_grpc, by_grpc_web, by_json] + ([by_events] if method.streams else [])
    for way in ways:
        outcome = way(edge.address, method, fields)
        assert outcome.error == straight.error, way
        assert lasting(method, outcome.messages) == lasting(method, straight.messages), way
        if way in (by_json, by_events):
            assert outcome.http_status == HTTP_STATUS[code]
            kind = "text/event-stream" if way is by_events and code == OK else "application/json"
            if method.response != "google.api.HttpBody" or code != OK:
                assert outcome.headers["content-type"] == kind


@pytest.mark.parametrize("name,fields,code", SAID_BY_OPENAI, ids=[f"{index}-{row[0]}" for index, row in enumerate(SAID_BY_OPENAI)])
def test_same_through_openai(latentd, edge, name, fields, code):
    method = METHODS[name]
    straight = by_grpc(latentd.address, method, fields)
    outcome = by_openai(edge.address, method, fields)
    assert outcome.http_status == HTTP_STATUS[code]
    if code != OK:
        reason = next(detail["reason"] for detail in straight.error["details"] if "reason" in detail)
        assert (outcome.error["code"], outcome.error["type"]) == (reason.lower(), "invalid_request_error")
    elif method.streams:
        assert [base64.b64decode(each["b64_json"]) for each in outcome.messages[0]["data"]] == pictures(straight.messages)
        seeds = [int(message["output"]["seed"]) for message in straight.messages if "output" in message]
        assert [each["seed"] for each in outcome.messages[0]["data"]] == sorted(seeds)
    else:
        models = straight.messages[0].get("models", straight.messages)
        shown = outcome.messages[0].get("data", outcome.messages)
        assert [f"models/{each['id']}" for each in shown] == [model["name"] for model in models]


def test_a_deleted_job_is_gone_for_all(latentd, edge):
    for way in (by_grpc, by_grpc_web, by_json):
        name = by_json(edge.address, METHODS["ImageGeneration.CreateJob"], {"spec": SPEC}).messages[0]["name"]
        by_events(edge.address, METHODS["ImageGeneration.WatchJob"], {"name": name})
        assert way(edge.address, METHODS["ImageGeneration.DeleteJob"], {"name": name}).messages == [{}]
        assert by_grpc(latentd.address, METHODS["ImageGeneration.GetJob"], {"name": name}).error["code"] == NOT_FOUND


def test_statistics_come_in_every_way(latentd, edge):
    for way in (by_grpc, by_grpc_web, by_json):
        stats = way(edge.address, METHODS["ImageGeneration.GetStats"], {}).messages[0]
        assert stats["device"] == "cpu" and stats["uptime"].endswith("s")


def test_grpc_web_as_text(latentd, edge):
    method = METHODS["Models.GetModel"]
    for name in ("models/pictograms", "models/none"):
        straight = by_grpc(latentd.address, method, {"name": name})
        text = callers.by_grpc_web(edge.address, method, {"name": name}, text=True)
        assert (text.messages, text.error) == (straight.messages, straight.error)


def test_health_and_reflection_are_grpc_as_it_is(edge):
    with grpc.insecure_channel(edge.address) as channel:
        assert channel.unary_unary("/grpc.health.v1.Health/Check")(b"", timeout=callers.TIMEOUT) == b"\x08\x01"
        reflect = channel.stream_stream("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo")
        services, = reflect(iter([b"\x3a\x00"]), timeout=callers.TIMEOUT)  # list_services
        assert b"latentd.v1.ImageGeneration" in services
