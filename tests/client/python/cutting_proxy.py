"""Connections that are cut."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterable
from contextlib import suppress


class CuttingProxy:
    """Forwards connections to `target`, "host:port". The first is cut when the target has sent as many bytes as the
    first of `cuts` says, the next by the next of them; later ones are left whole."""

    def __init__(self, target: str, cuts: Iterable[int]) -> None:
        host, port = target.rsplit(":", 1)
        self._target = (host, int(port))
        self._cuts = iter(cuts)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
                far = socket.create_connection(self._target)
            except OSError:
                return
            for source, sink, most in ((near, far, None), (far, near, next(self._cuts, None))):
                threading.Thread(target=self._forward, args=(source, sink, most), daemon=True).start()

    @staticmethod
    def _forward(source: socket.socket, sink: socket.socket, most: int | None) -> None:
        with suppress(OSError):  # The other direction has ended.
            while (most is None or most > 0) and (data := source.recv(65536 if most is None else min(most, 65536))):
                sink.sendall(data)
                most = None if most is None else most - len(data)
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
