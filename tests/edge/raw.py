"""Requests that no decent library would send."""

import contextlib
import http.client
import json
import socket

TIMEOUT = 20
PEEK, WHOLE = socket.MSG_PEEK, socket.MSG_WAITALL


@contextlib.contextmanager
def connect(address):
    host, port = address.rsplit(":", 1)
    with socket.create_connection((host, int(port)), TIMEOUT) as connection:
        yield connection


def read_answer(connection, verb="GET"):
    """Status and body of the next answer, or None when the connection ends without one."""
    response = http.client.HTTPResponse(connection, method=verb)
    with contextlib.suppress(http.client.RemoteDisconnected, ConnectionError):
        response.begin()
        return response.status, response.read()


def get(address, path, verb="GET", headers=(), body=b""):
    """A request with `path` just as it is."""
    lines = [f"{verb} {path} HTTP/1.1", "host: edge", *headers]
    if body:
        lines += ["content-type: application/json", f"content-length: {len(body)}"]
    with connect(address) as connection:
        connection.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        return read_answer(connection, verb)


def error(body):
    """Code and reason of a google.rpc.Status in JSON."""
    status = json.loads(body)
    return status["code"], status["details"][0]["reason"]
