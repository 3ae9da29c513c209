"""Replicas of latentd that share one Redis, each through a link of its own; they can be killed, stopped and paused."""

import os
import signal

from processes import Latentd


class Replica:
    def __init__(self, name, redis_address, listen="127.0.0.1:0", drain="5s"):
        self.name = name
        self._redis, self._listen, self._drain = redis_address, listen, drain
        self._server = None
        self.address = None  # with port 0 another one after each start; the last one while it is away
        self.start()

    def start(self):
        self._server = Latentd("--models", os.environ["LATENTD_GOLDEN_MODELS"], "--job-store", f"redis://{self._redis}/0",
                               "--drain-timeout", self._drain, listen=self._listen)
        self.address = self._server.address

    def kill(self):
        self._server.signal(signal.SIGKILL)
        self._server.wait()

    def pause(self):
        self._server.signal(signal.SIGSTOP)

    def resume(self):
        self._server.signal(signal.SIGCONT)

    def stop(self):
        """By SIGTERM; returns its exit code."""
        return self._server.stop()

    def check(self):
        """That it has not ended by itself."""
        assert self._server.running(), f"{self.name} ended with {self._server.wait()}"

    @property
    def log(self):
        return self._server.log

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()
