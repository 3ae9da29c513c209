"""A proxy between a replica and Redis that understands commands: it can change them, and hold one back."""

import collections
import contextlib
import socket
import threading


class RespProxy:
    """In front of `upstream` (HOST:PORT), at the same host. `edit` gets the words of each command and gives the words to
    send, or an Observed one."""

    def __init__(self, upstream, edit):
        host, port = upstream.rsplit(":", 1)
        self._upstream, self._edit = (host, int(port)), edit
        self._listener = socket.create_server((host, 0))
        self.address = f"{host}:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):  # closed
            while True:
                near, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(near,), daemon=True).start()

    def _serve(self, near):
        with near, contextlib.suppress(OSError), socket.create_connection(self._upstream) as far:
            asked = collections.deque()  # of each command without an answer: who wants to know that, or None
            threading.Thread(target=self._answer, args=(far, near, asked), daemon=True).start()
            with near.makefile("rb") as commands:
                while (raw := _read(commands)) is not None:
                    edited = self._edit(_words(raw))
                    asked.append(edited if isinstance(edited, Observed) else None)
                    far.sendall(_command(edited.words if isinstance(edited, Observed) else edited))
            far.shutdown(socket.SHUT_RDWR)

    @staticmethod
    def _answer(far, near, asked):
        """Messages of a subscription answer nothing; whoever subscribes asks nothing else."""
        with far.makefile("rb") as answers, contextlib.suppress(OSError, ValueError):
            while (raw := _read(answers)) is not None:
                observed = asked.popleft() if asked else None
                if observed:
                    observed.answered(raw)
                near.sendall(raw)
        with contextlib.suppress(OSError):
            near.shutdown(socket.SHUT_RDWR)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._listener.close()


class Observed:
    """A command whose answer somebody wants to know."""

    def __init__(self, words, answered):
        self.words, self.answered = words, answered


def _read(stream):
    """One value as it is; None at the end."""
    head = stream.readline()
    if not head.endswith(b"\r\n"):
        return None
    size = int(head[1:]) if head[:1] in b"$*" else 0
    if head[:1] == b"$" and size >= 0:
        body = stream.read(size + 2)
        return head + body if len(body) == size + 2 else None
    if head[:1] == b"*":
        parts = [_read(stream) for _ in range(size)]
        return None if None in parts else head + b"".join(parts)
    return head


def _words(raw):
    words, place = [], raw.index(b"\r\n") + 2
    while place < len(raw):
        end = raw.index(b"\r\n", place)
        size = int(raw[place + 1:end])
        words.append(raw[end + 2:end + 2 + size])
        place = end + 2 + size + 2
    return words


def _command(words):
    return b"".join([b"*%d\r\n" % len(words), *(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)])
