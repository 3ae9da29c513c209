"""Frames of HTTP/2 as no decent library would send them (RFC 9113, and RFC 7541 for headers)."""

import contextlib
import socket
import struct

import raw

DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = 0, 1, 3, 4, 6, 7, 8, 9
ACK = END_STREAM = 1
END_HEADERS = 4
LARGEST_PAYLOAD = 16384


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def integer(value, bits, pattern=0):
    """An integer with a prefix of so many bits, after the pattern that says what it is for."""
    most = (1 << bits) - 1
    if value < most:
        return bytes([pattern | value])
    out, value = [pattern | most], value - most
    while value >= 128:
        out.append(value % 128 | 128)
        value //= 128
    return bytes([*out, value])


def text(value):
    return integer(len(value), 7) + value.encode()


def field(name, value, remembered=False):
    return bytes([0x40 if remembered else 0]) + text(name) + text(value)


def for_grpc(path, *more):
    own = [(":method", "POST"), (":scheme", "http"), (":path", path), (":authority", "edge"), ("content-type", "application/grpc"), ("te", "trailers")]
    return b"".join(field(*each) for each in [*own, *more])


def message(data):
    return struct.pack(">BI", 0, len(data)) + data


class Connection:
    """Has said hello, and opens the window of the whole connection wide."""

    def __init__(self, connection):
        self._socket, self._reader = connection, connection.makefile("rb")
        self.window = 65535  # of a stream, and of the connection until it is told more
        self.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(SETTINGS, 0, 0) + frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", (1 << 31) - 65536)))

    def send(self, data):
        self._socket.sendall(data)

    def receive(self):
        """The next frame, as kind, flags, stream and payload; None at the end."""
        with contextlib.suppress(ConnectionError):
            if len(head := self._reader.read(9)) == 9:
                size, kind, flags, stream = struct.unpack(">IBBI", b"\0" + head)
                return kind, flags, stream & 0x7FFFFFFF, self._reader.read(size)
        return None

    def frames(self):
        while got := self.receive():
            kind, flags, _, payload = got
            if kind == SETTINGS and not flags & ACK:
                self.send(frame(SETTINGS, ACK, 0))
            elif kind == PING and not flags & ACK:
                self.send(frame(PING, ACK, 0, payload))
            yield got


@contextlib.contextmanager
def connect(address):
    with raw.connect(address) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield Connection(connection)
