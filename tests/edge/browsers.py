"""Many browsers at once: gRPC-Web over HTTP/1.1 with asyncio, each with a job of its own that it follows."""

import asyncio
import contextlib
import socket
import struct
import time
from dataclasses import dataclass, field

import api
from api import METHODS
from callers import by_grpc

CREATE, GENERATE, WATCH, WATCH_JOBS = (METHODS[f"ImageGeneration.{name}"] for name in ("CreateJob", "Generate", "WatchJob", "WatchJobs"))


def request(method, fields):
    data = api.from_dict(method.request, fields).SerializeToString()
    head = (f"POST {method.path} HTTP/1.1\r\nhost: edge\r\ncontent-type: application/grpc-web+proto\r\nx-grpc-web: 1\r\n"
            f"content-length: {len(data) + 5}\r\n\r\n")
    return head.encode() + struct.pack(">BI", 0, len(data)) + data


async def read_messages(reader, method):
    """Messages as they come. The end must be one that says that all went well."""
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ") and b"transfer-encoding: chunked" in head.lower(), head
    data = b""
    while size := int(await reader.readline(), 16):
        data += await reader.readexactly(size)
        await reader.readexactly(2)
        while len(data) >= 5 and len(data) >= 5 + (length := struct.unpack(">I", data[1:5])[0]):
            flags, payload, data = data[0], data[5:5 + length], data[5 + length:]
            if flags & 0x80:
                assert b"grpc-status:0\r\n" in payload.replace(b" ", b""), payload
                return
            yield api.decode(method.response, payload)
    raise AssertionError("the stream has no end")


@contextlib.asynccontextmanager
async def call(address, method, fields):
    host, port = address.rsplit(":", 1)
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(request(method, fields))
    try:
        yield read_messages(reader, method)
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


@dataclass
class Visit:
    """What one browser has seen, and when, in seconds since it asked."""
    events: list = field(default_factory=list)
    times: list = field(default_factory=list)


async def visit(address, spec, at_once):
    """Makes a picture: at once by Generate, or by CreateJob and, as a page does, WatchJobs."""
    seen, began = Visit(), time.monotonic()
    method, fields = GENERATE, {"spec": spec}
    if not at_once:
        async with call(address, CREATE, fields) as answer:
            job, = [each async for each in answer]
        method, fields = WATCH_JOBS, {"jobs": [{"name": job["name"]}]}
    async with call(address, method, fields) as answer:
        async for event in answer:
            seen.events.append(event)
            seen.times.append(time.monotonic() - began)
            if "completed" in event:  # WatchJobs would go on
                break
    return seen


class SlowReader:
    """Follows jobs and reads 16 bytes a second, over a connection that holds little; in the end it reads what is left."""

    def __init__(self, address, jobs):
        self._address, self._jobs, self._hurry = address, jobs, asyncio.Event()
        self._reading = asyncio.create_task(self._read())

    async def _read(self):
        host, port = self._address.rsplit(":", 1)
        connection = socket.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 536)
        connection.connect((host, int(port)))
        connection.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(connection, request(WATCH_JOBS, {"jobs": [{"name": name} for name in self._jobs]}))
        reader = asyncio.StreamReader(limit=1 << 30)
        while not self._hurry.is_set():
            reader.feed_data(await loop.sock_recv(connection, 16))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._hurry.wait(), 1)
        events, feeding = [], asyncio.create_task(self._feed(connection, reader))
        left = set(self._jobs)
        async for event in read_messages(reader, WATCH_JOBS):
            events.append(event)
            left -= {event["job"]} if "completed" in event else set()
            if not left:
                break
        feeding.cancel()
        connection.close()
        return events

    @staticmethod
    async def _feed(connection, reader):
        while data := await asyncio.get_running_loop().sock_recv(connection, 1 << 16):
            reader.feed_data(data)
        reader.feed_eof()

    async def finish(self):
        """All events that it got."""
        self._hurry.set()
        return await self._reading


def held_up(edge):
    """Streams that Envoy does not read from latentd now, since it has no room for more of them."""
    paused, resumed = (edge.stat(f"cluster.latentd.upstream_flow_control_{what}_reading_total") for what in ("paused", "resumed"))
    return paused - resumed


def lasting(events):
    """What no reader may miss: all but progress, which is out of date when the next one comes, as are places in the queue."""
    kept, queued = [], set()
    for event in events:
        if "progress" in event or "heartbeat" in event or ("queued" in event and event["job"] in queued):
            continue
        if "queued" in event:
            queued.add(event["job"])
        kept.append(event)
    return kept


def replayed(address, job):
    """The job's events from the beginning, by gRPC from latentd itself."""
    return by_grpc(address, WATCH, {"name": job}).messages


def make_large_jobs(address, number):
    """Names of jobs that are done, each with more than half a megabyte of pictures."""
    spec = {"model": "pictograms", "width": 256, "height": 256, "steps": 1, "numImages": 8, "guidanceScale": 1}
    names = [by_grpc(address, CREATE, {"spec": {**spec, "seed": str(each)}}).messages[0]["name"] for each in range(number)]
    for name in names:
        assert "completed" in replayed(address, name)[-1]
    return names
