"""A replica that ends by itself is told of, with its exit code, whatever is done to it next."""

import os
import signal

import pytest

from processes import Latentd
from redis_server import RedisServer
from replicas import Replica


@pytest.fixture(scope="module")
def redis(tmp_path_factory):
    with RedisServer(tmp_path_factory.mktemp("fleet") / "redis") as server:
        yield server.address


@pytest.fixture
def crashed(redis, monkeypatch):
    """As if it had ended by itself."""
    servers = []
    monkeypatch.setattr("replicas.Latentd", lambda *args, **options: servers.append(Latentd(*args, **options)) or servers[-1])
    replica = Replica("replica-0", redis)
    servers[0].signal(signal.SIGUSR1)
    servers[0].wait()
    return replica


@pytest.mark.parametrize("what", ("kill", "stop", "pause", "resume", "check"))
def test_a_crash_before_a_fault(crashed, what):
    with pytest.raises(AssertionError, match=f"replica-0 ended by itself with -{signal.SIGUSR1:d}"):
        getattr(crashed, what)()


def test_a_crash_before_the_end(crashed):
    with pytest.raises(AssertionError, match="replica-0 ended by itself"), crashed:
        pass


def test_a_crash_on_the_way_to_being_ready(redis, monkeypatch):
    monkeypatch.setitem(os.environ, "LATENTD_BINARY", "/bin/false")
    with pytest.raises(AssertionError, match="ended by itself with 1 before it was ready"):
        Replica("replica-0", redis)


def test_what_it_was_told_is_no_crash(redis):
    with Replica("replica-0", redis) as replica:
        for end in (replica.kill, replica.stop):
            end()
            replica.start()
        replica.pause()
        replica.resume()
        replica.check()
