"""The same call in each way that the edge offers."""

import base64
import contextlib
import http.client
import json
import struct
import urllib.parse
from dataclasses import dataclass, field

import grpc

import api

TIMEOUT = 30


@dataclass
class Outcome:
    """What a caller learns: the messages, or the google.rpc.Status, as JSON."""
    messages: list = field(default_factory=list)
    error: dict = field(default_factory=dict)
    http_status: int = 200
    headers: dict = field(default_factory=dict)


def request(address, verb, path, body=None, headers=()):
    """One HTTP/1.1 request: status, headers with lower-case names, and the body's bytes."""
    with contextlib.closing(http.client.HTTPConnection(address, timeout=TIMEOUT)) as connection:
        connection.request(verb, path, body, dict(headers))
        response = connection.getresponse()
        return response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()


def _status(code, message, details):
    if details:
        return api.decode("google.rpc.Status", details)
    return {"code": code, "message": message}


def by_grpc(address, method, fields, headers=()):
    with grpc.insecure_channel(address) as channel:
        call = channel.unary_stream(method.path)
        data = api.from_dict(method.request, fields).SerializeToString()
        metadata = tuple(dict(headers).items())
        try:
            return Outcome([api.decode(method.response, each) for each in call(data, timeout=TIMEOUT, metadata=metadata)])
        except grpc.RpcError as error:
            details = dict(error.trailing_metadata() or ()).get("grpc-status-details-bin")
            return Outcome(error=_status(error.code().value[0], error.details(), details))


def _frames(data):
    while data:
        flags, size = struct.unpack(">BI", data[:5])
        yield flags, data[5:5 + size]
        data = data[5 + size:]


def by_grpc_web(address, method, fields, headers=(), text=False):
    data = api.from_dict(method.request, fields).SerializeToString()
    body = struct.pack(">BI", 0, len(data)) + data
    kind = "application/grpc-web-text" if text else "application/grpc-web+proto"
    status, got, answer = request(address, "POST", method.path, base64.b64encode(body) if text else body,
                                  {"content-type": kind, "accept": kind, "x-grpc-web": "1", **dict(headers)})
    if text:  # in pieces that are padded each
        answer = b"".join(base64.b64decode(answer[at:at + 4]) for at in range(0, len(answer), 4))
    messages, trailers = [], dict(got)
    for flags, payload in _frames(answer) if status == 200 else ():
        if flags & 0x80:
            lines = (line.split(":", 1) for line in payload.decode().split("\r\n") if line)
            trailers.update((name.lower(), value.strip()) for name, value in lines)
        else:
            messages.append(api.decode(method.response, payload))
    outcome = Outcome(messages, http_status=status, headers=got)
    if (code := int(trailers["grpc-status"])) != 0:
        details = trailers.get("grpc-status-details-bin", "")
        message = urllib.parse.unquote(trailers.get("grpc-message", ""))
        outcome.error = _status(code, message, base64.b64decode(details + "=" * (-len(details) % 4)))
    return outcome


def by_json(address, method, fields, headers=()):
    verb, path, rest = method.http(fields)
    if not method.has_body and rest:
        path += "?" + urllib.parse.urlencode(rest, doseq=True)
    body = json.dumps(rest) if method.has_body else None
    kind = {"content-type": "application/json"} if body else {}
    status, got, answer = request(address, verb, path, body, {**kind, **dict(headers)})
    outcome = Outcome(http_status=status, headers=got)
    if status != 200:
        outcome.error = json.loads(answer)
    elif method.response == "google.api.HttpBody":
        outcome.messages = [{"contentType": got["content-type"], "data": base64.b64encode(answer).decode()}]
    else:
        # Through the message and back: what is no valid JSON of it does not pass.
        outcome.messages = [api.to_dict(api.from_dict(method.response, each)) for each in _documents(answer, got)]
    return outcome


# Fields of GenerationSpec, and the parameters of the OpenAI images API that say the same.
_PARAMETERS = {"model": "model", "prompt": "prompt", "numImages": "n", "seed": "seed"}


def _openai_form(spec):
    """Parameters and files that say the same as a specification, or None when that API has no words for it."""
    spec = dict(spec)
    task = spec.pop("imageToImage", None) or spec.pop("inpaint", None) or {}
    files = {name: base64.b64decode(task[name]["data"]) for name in ("image", "mask") if name in task}
    fields = {}
    if "width" in spec and "height" in spec:
        fields["size"] = f"{spec.pop('width')}x{spec.pop('height')}"
    output = spec.pop("output", {})
    if "format" in output:
        fields["output_format"] = output["format"].removeprefix("IMAGE_FORMAT_").lower()
    if "quality" in output:
        fields["output_compression"] = output["quality"]
    if not set(spec) <= set(_PARAMETERS) or not {"model", "prompt"} <= set(spec):
        return None
    fields.update((_PARAMETERS[name], int(value) if name == "seed" else value) for name, value in spec.items())
    return fields, files


def _multipart(fields, files):
    boundary = "the-boundary"
    parts = [(name, str(value).encode()) for name, value in fields.items()] + list(files.items())
    lines = (f'--{boundary}\r\ncontent-disposition: form-data; name="{name}"\r\n\r\n'.encode() + data + b"\r\n" for name, data in parts)
    return b"".join(lines) + f"--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"


def _openai_request(method, fields):
    """Verb, path, body and its media type; None when that API cannot say it."""
    if method.path == "/latentd.v1.Models/ListModels" and not fields:
        return "GET", "/v1/models", None, None
    if method.path == "/latentd.v1.Models/GetModel":
        return "GET", "/v1/" + urllib.parse.quote(fields["name"]), None, None
    form = _openai_form(fields["spec"]) if method.path.endswith("/Generate") and set(fields) == {"spec"} else None
    if form is None:
        return None
    parameters, files = form
    if files:
        return "POST", "/v1/images/edits", *_multipart(parameters, files)
    return "POST", "/v1/images/generations", json.dumps(parameters), "application/json"


def openai_can_say(method, fields):
    return _openai_request(method, fields) is not None


def by_openai(address, method, fields):
    """The same through the OpenAI images API: its answer as the one message, or its error. REQUIRES: openai_can_say."""
    verb, path, body, kind = _openai_request(method, fields)
    status, got, answer = request(address, verb, path, body, {"content-type": kind} if kind else {})
    answer = json.loads(answer)
    return Outcome([answer] if status == 200 else [], answer.get("error", {}), status, got)


def _documents(answer, headers):
    text = answer.decode()
    if headers["content-type"] == "text/event-stream":
        assert text.endswith("\n\n")
        events = text.split("\n\n")[:-1]
        assert all(event.startswith("data: ") for event in events), text
        return [json.loads(event.removeprefix("data: ")) for event in events]
    return [json.loads(line) for line in text.splitlines()]


def by_events(address, method, fields, headers=()):
    return by_json(address, method, fields, {"accept": "text/event-stream", **dict(headers)})
