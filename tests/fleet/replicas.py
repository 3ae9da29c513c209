"""Replicas of latentd that share one Redis, each through a link of its own; they can be killed, stopped and paused."""

import os
import signal

from processes import Latentd


class Replica:
    """Ends only when it is told to, and then as it is told to: everything that is done to it checks that."""

    def __init__(self, name, redis_address, listen="127.0.0.1:0", drain="5s"):
        self.name = name
        self._redis, self._listen, self._drain = redis_address, listen, drain
        self._servers = []  # one after the other
        self._away = True
        self.address = None  # with port 0 another one after each start; the last one while it is away
        self.start()

    def start(self):
        assert self._away, f"{self.name} is started twice"
        self._servers.append(Latentd("--models", os.environ["LATENTD_GOLDEN_MODELS"], "--job-store", f"redis://{self._redis}/0",
                                     "--drain-timeout", self._drain, listen=self._listen))
        self._away = False
        self.address = self._servers[-1].address

    def kill(self):
        self._end(signal.SIGKILL, -signal.SIGKILL)

    def stop(self):
        self._end(signal.SIGTERM, 0)

    def pause(self):
        self.check()
        self._servers[-1].signal(signal.SIGSTOP)

    def resume(self):
        self.check()
        self._servers[-1].signal(signal.SIGCONT)

    def check(self):
        """That it has not ended by itself."""
        assert not self._away, f"{self.name} is away"
        assert self._servers[-1].running(), f"{self.name} ended by itself with {self._servers[-1].wait()}"

    def _end(self, how, expected):
        self.check()
        self._servers[-1].signal(how)
        code = self._servers[-1].wait()
        self._away = True
        assert code == expected, f"{self.name} ended with {code}, not with {expected}"

    @property
    def log(self):
        return "".join(server.log for server in self._servers)

    def __enter__(self):
        return self

    def __exit__(self, failure, *_):
        if failure is None and not self._away:
            self.kill()
        else:  # what has failed is told of already
            self._servers[-1].signal(signal.SIGKILL)
            self._servers[-1].wait()
