"""Callers who send or open as much as they can, at the edge and on latentd's own port: both stay small and serve others."""

import contextlib
import itertools
import socket
import struct
import threading
import zlib

import pytest

import api
import http2
import raw
from api import METHODS
from callers import by_grpc, by_grpc_web, by_json
from http2 import CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, RST_STREAM, SETTINGS, WINDOW_UPDATE, frame
from processes import Edge, Latentd, wait_for

CANCEL, CREATE, GENERATE, STATS, WATCH = (METHODS[f"ImageGeneration.{name}"] for name in ("CancelJob", "CreateJob", "Generate", "GetStats", "WatchJob"))
MIB = 1 << 20
GIB = 1 << 30
SPEC = {"model": "pictograms", "prompt": "a red apple", "steps": 1}
# What gRPC 1.51 may hold of all callers together: it looks at a message's size when it has all of it, and so at the headers
# of a HEADERS frame with those that follow. Envoy does neither.
OF_CALLERS = (512 + 128) * MIB
BOTH_PORTS = pytest.mark.parametrize("port", ["edge", "latentd"])


@pytest.fixture(scope="module")
def server():
    """One job at a time, so that a second one waits."""
    with Latentd("--max-batch-rows", "1") as latentd, Edge(latentd.address) as envoy:
        for way, where in ((by_grpc, latentd), (by_grpc_web, envoy), (by_json, envoy)):
            assert way(where.address, GENERATE, {"spec": SPEC}).error == {}, "what is loaded once is loaded"
        yield {"latentd": latentd, "edge": envoy}


@contextlib.contextmanager
def unmoved(server, edge=64 * MIB, latentd=OF_CALLERS):
    """That meanwhile neither process grows by more, and both serve others then and afterwards."""
    limits = {"edge": edge, "latentd": latentd}
    before = {name: process.memory() for name, process in server.items()}
    most, over = dict(before), threading.Event()

    def look():
        while not over.wait(0.02):
            most.update((name, max(most[name], process.memory())) for name, process in server.items())

    looker = threading.Thread(target=look)
    looker.start()
    try:
        yield
        serves_others(server)
    finally:
        over.set()
        looker.join()
    grown = {name: (most[name] - before[name]) // MIB for name in before}
    assert all(mib * MIB <= limits[name] for name, mib in grown.items()), f"MiB more: {grown}"


def serves_others(server):
    for way, name in ((by_grpc, "latentd"), (by_grpc, "edge"), (by_grpc_web, "edge"), (by_json, "edge")):
        assert way(server[name].address, STATS, {}).error == {}


@pytest.mark.parametrize("path,kind", [("/latentd/v1/jobs", "application/json"), ("/latentd/v1/images:generate", "application/json"),
                                       (CREATE.path, "application/grpc-web+proto")])
def test_a_gigabyte_in_pieces_is_refused_early(server, path, kind):
    sent = 0
    with unmoved(server), raw.connect(server["edge"].address) as connection:
        connection.sendall(f"POST {path} HTTP/1.1\r\nhost: edge\r\ncontent-type: {kind}\r\ntransfer-encoding: chunked\r\n\r\n".encode())
        with contextlib.suppress(ConnectionError, TimeoutError):
            while sent < GIB:
                connection.sendall(b"100000\r\n" + b" " * MIB + b"\r\n")
                sent += MIB
    assert sent < 100 * MIB, "the limit, and what lay in buffers"


@BOTH_PORTS
@pytest.mark.parametrize("says", [GIB, 1], ids=["one message", "small messages"])
def test_a_gigabyte_of_grpc_is_refused_early(server, port, says):
    """The length of the first message is a lie or not."""
    piece = struct.pack(">BI", 0, says) + b"\0" * (1 if says == 1 else 11)
    piece *= http2.LARGEST_PAYLOAD // len(piece)
    sent = 0
    with unmoved(server), http2.connect(server[port].address) as connection:
        connection.send(frame(HEADERS, END_HEADERS, 1, http2.for_grpc(CREATE.path)))
        room = {0: connection.window, 1: connection.window}
        for kind, flags, stream, payload in connection.frames():
            if kind == WINDOW_UPDATE:
                room[stream] += struct.unpack(">I", payload)[0]
            if kind in (RST_STREAM, GOAWAY) or (kind == HEADERS and flags & END_STREAM):
                break
            while min(room.values()) >= len(piece) and sent < GIB:
                with contextlib.suppress(ConnectionError):
                    connection.send(frame(DATA, 0, 1, piece))
                sent += len(piece)
                room = {each: size - len(piece) for each, size in room.items()}
            if sent and says == 1 and min(room.values()) < len(piece):
                connection.send(frame(RST_STREAM, 0, 1, bytes(4)))  # nobody reads on: the window stays shut
                break
    assert sent < {"edge": 100 * MIB, "latentd": OF_CALLERS}[port]


@BOTH_PORTS
def test_a_message_that_inflates_is_not_inflated(server, port):
    """A gigabyte of zeros is a megabyte that anybody could send: gRPC 1.51 looks at its size when it has inflated it."""
    pack = zlib.compressobj(wbits=31)
    small = b"".join(pack.compress(bytes(MIB)) for _ in range(GIB // MIB)) + pack.flush()
    body = struct.pack(">BI", 1, len(small)) + small
    with unmoved(server), http2.connect(server[port].address) as connection:
        connection.send(frame(HEADERS, END_HEADERS, 1, http2.for_grpc(CREATE.path, ("grpc-encoding", "gzip"))))
        room, sent = {0: connection.window, 1: connection.window}, 0
        for kind, flags, stream, payload in connection.frames():
            if kind == WINDOW_UPDATE:
                room[stream] += struct.unpack(">I", payload)[0]
            if kind in (RST_STREAM, GOAWAY) or (kind == HEADERS and flags & END_STREAM):
                break
            while sent < len(body) and (size := min(http2.LARGEST_PAYLOAD, len(body) - sent, *room.values())) > 0:
                with contextlib.suppress(ConnectionError):
                    connection.send(frame(DATA, END_STREAM if sent + size == len(body) else 0, 1, body[sent:sent + size]))
                sent += size
                room = {each: left - size for each, left in room.items()}
        else:
            raise AssertionError("it was neither refused nor answered")


@BOTH_PORTS
def test_ten_thousand_streams(server, port):
    each = {"edge": 100, "latentd": 1000}[port]  # as many as a connection may have
    long = by_grpc(server["latentd"].address, CREATE, {"spec": {**SPEC, "steps": 1000, "numImages": 4}}).messages[0]["name"]
    waiting = by_grpc(server["latentd"].address, CREATE, {"spec": SPEC}).messages[0]["name"]
    request = http2.message(api.from_dict(WATCH.request, {"name": waiting}).SerializeToString())
    headers = http2.for_grpc(WATCH.path)
    numbers = range(1, 2 * each, 2)
    with contextlib.ExitStack() as stack, unmoved(server, edge=1024 * MIB):
        connections = [stack.enter_context(http2.connect(server[port].address)) for _ in range(10000 // each)]
        for connection in connections:
            for number in numbers:
                connection.send(frame(HEADERS, END_HEADERS, number, headers) + frame(DATA, END_STREAM, number, request))
            first = set()
            for kind, _, stream, _ in connection.frames():
                if kind == DATA and stream:
                    first.add(stream)
                if len(first) == each:
                    break
            assert first == set(numbers), "each has its first event"
        serves_others(server)
        for name in (waiting, long):
            assert by_json(server["edge"].address, CANCEL, {"name": name}).error == {}
        for connection in connections:
            ended = set()
            for kind, flags, stream, _ in connection.frames():
                if kind == HEADERS and flags & END_STREAM:
                    ended.add(stream)
                if len(ended) == each:
                    break
            assert ended == set(numbers), "each has its end"
    assert by_grpc_web(server["edge"].address, GENERATE, {"spec": SPEC}).error == {}


def pieces(block):
    """The block of headers of stream 1 in as many frames as it takes."""
    parts = [block[at:at + http2.LARGEST_PAYLOAD] for at in range(0, len(block), http2.LARGEST_PAYLOAD)]
    for number, part in enumerate(parts):
        yield frame(CONTINUATION if number else HEADERS, END_HEADERS if number == len(parts) - 1 else 0, 1, part)


STATS_HEADERS = http2.for_grpc(STATS.path)
# Frames of headers. Of those that would never end, 100 MiB.
BOMBS = {
    "many": lambda: pieces(STATS_HEADERS + b"".join(http2.field(f"x-{number}", "1") for number in range(10000))),
    "large": lambda: pieces(STATS_HEADERS + http2.field("x-large", "x" * MIB)),
    "large name": lambda: pieces(STATS_HEADERS + http2.field("x" * MIB, "1")),
    # 4,000 bytes that are remembered, and a hundred thousand times one byte that means them.
    "HPACK": lambda: pieces(STATS_HEADERS + http2.field("x-bomb", "x" * 4000, remembered=True) + http2.integer(62, 7, 0x80) * 100000),
    "number without end": lambda: pieces(STATS_HEADERS + b"\x00\x7f" + b"\x80" * MIB),
    "CONTINUATION": lambda: itertools.chain([frame(HEADERS, 0, 1, STATS_HEADERS)], itertools.repeat(
        frame(CONTINUATION, 0, 1, b"".join(http2.field(f"x-{number}", "1" * 100) for number in range(140))), 100 * MIB // 15000)),
    "empty CONTINUATION": lambda: itertools.chain([frame(HEADERS, 0, 1, STATS_HEADERS)], itertools.repeat(
        frame(CONTINUATION, 0, 1) * 1000, 1000)),
}


@BOTH_PORTS
@pytest.mark.parametrize("bomb", BOMBS)
def test_header_bombs(server, port, bomb):
    with unmoved(server), http2.connect(server[port].address) as connection:
        with contextlib.suppress(ConnectionError):
            for part in BOMBS[bomb]():
                connection.send(part)
            connection.send(frame(DATA, END_STREAM, 1, http2.message(b"")))
            for kind, flags, _, _ in connection.frames():
                # gRPC 1.51 holds each frame to its limit, not what they say together, and may answer.
                assert kind != DATA or port == "latentd"
                if kind in (RST_STREAM, GOAWAY) or (kind == HEADERS and flags & END_STREAM):
                    break


@BOTH_PORTS
def test_streams_that_are_opened_and_reset_at_once(server, port):
    def call(number):
        data = frame(DATA, END_STREAM, number, http2.message(b""))
        return frame(HEADERS, END_HEADERS, number, STATS_HEADERS) + data + frame(RST_STREAM, 0, number, struct.pack(">I", 8))

    with unmoved(server), http2.connect(server[port].address) as connection:
        with contextlib.suppress(ConnectionError):
            for number in range(1, 40001, 2):
                connection.send(call(number))


HELLO = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(SETTINGS, 0, 0)
BEGINNINGS = {"nothing": b"", "HTTP/1.1": b"GET /latentd/v1/st", "preface": HELLO[:20], "headers": HELLO + frame(HEADERS, 0, 1, STATS_HEADERS[:20])}


@BOTH_PORTS
@pytest.mark.parametrize("begin", BEGINNINGS.values(), ids=BEGINNINGS)
def test_a_thousand_connections_that_stop_in_the_middle(server, port, begin):
    with contextlib.ExitStack() as stack, unmoved(server):
        for _ in range(1000):
            stack.enter_context(raw.connect(server[port].address)).sendall(begin)
        serves_others(server)


@pytest.mark.parametrize("begin", BEGINNINGS.values(), ids=BEGINNINGS)
def test_the_edge_cuts_off_connections_that_stop_in_the_middle(server, begin):
    with Edge(server["latentd"].address, REQUEST_HEADERS_TIMEOUT="0.5s", CONNECTION_IDLE_TIMEOUT="1s") as hasty, contextlib.ExitStack() as stack:
        for _ in range(100):
            stack.enter_context(raw.connect(hasty.address)).sendall(begin)
        wait_for("they have come", lambda: hasty.stat("http.edge.downstream_cx_total") >= 100)
        wait_for("they are gone", lambda: hasty.stat("http.edge.downstream_cx_active") == 0)


@BOTH_PORTS
def test_who_pings_without_end_is_sent_away(server, port):
    """Nobody reads the answers, so that they would pile up: not here, where the kernel would make room for all of them."""
    with unmoved(server), raw.connect(server[port].address) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 14)
        caller = http2.Connection(connection)
        with contextlib.suppress(ConnectionError):
            for _ in range(10000):
                caller.send(frame(http2.PING, 0, 0, bytes(8)) * 100)
            raise AssertionError("a million pings were taken")
