"""A real Redis of its own, which can be frozen, or killed and started again with what it has written down."""

import contextlib
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess

from processes import Process, wait_for

PROGRAM = "redis-check-rdb"  # of Debian's redis-tools: the server, by another name


class RedisServer:
    def __init__(self, folder, host="127.0.0.1"):
        self._folder, self._host = pathlib.Path(folder), host
        self._folder.mkdir()
        # What a program is called decides what it is.
        (self._folder / "redis-server").symlink_to(shutil.which(PROGRAM))
        self._port = _free_port(host)
        self.address = f"{host}:{self._port}"
        self._process = None
        self.start()

    def start(self):
        self._process = Process(
            [self._folder / "redis-server", "--port", str(self._port), "--bind", self._host, "--dir", self._folder,
             "--save", "", "--appendonly", "yes", "--appendfsync", "always", "--maxmemory-policy", "noeviction",
             "--logfile", self._folder / "log"])
        wait_for("Redis answers", lambda: self._answers() or not self._process.running())
        assert self._process.running(), (self._folder / "log").read_text()

    def kill(self):
        self.check()
        self._end()

    def freeze(self):
        self.check()
        self._process.signal(signal.SIGSTOP)

    def thaw(self):
        self.check()
        self._process.signal(signal.SIGCONT)

    def check(self):
        """That it has not ended by itself."""
        assert self._process.running(), f"Redis ended by itself with {self._process.wait()}"

    def _end(self):
        self._process.signal(signal.SIGKILL)
        self._process.wait()

    def processor_time(self):
        """Seconds of computing since it was started last."""
        return self._process.processor_time()

    def command(self, *words):
        """Its answer, a line for each value."""
        done = subprocess.run(["redis-cli", "-h", self._host, "-p", str(self._port), *words], capture_output=True,
                              text=True, check=True, env={**os.environ, "NO_COLOR": "1"}, timeout=30)
        return done.stdout.splitlines()

    def _answers(self):
        with contextlib.suppress(subprocess.CalledProcessError):
            return self.command("PING") == ["PONG"]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._end()


def _free_port(host):
    """Below those that the kernel gives to connections, so that it is still free after a restart."""
    while True:
        port = random.SystemRandom().randrange(12000, 32000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
            return port
