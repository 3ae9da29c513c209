"""Every replica behind Envoy is restarted, one after another, under load; and callers whose stream is on a replica that stops."""

import concurrent.futures
import contextlib
import os
import pathlib
import subprocess
import threading

import pytest

import calls
from history import digest
from processes import Edge, Latentd, unused_address, wait_for
from redis_server import RedisServer
from replicas import Replica
from specs import CATALOGUE, undisturbed

_NAMES = ("ddim-tiny-epsilon-160", "heun-tiny-v-160")
_LONG = {**CATALOGUE["ddim-tiny-epsilon-160"], "steps": 999, "numImages": 4}  # longer than the time to drain
_PATIENCE = 300


@pytest.fixture
def fleet(tmp_path):
    """Two replicas at addresses that stay, and Envoy before them."""
    with contextlib.ExitStack() as stack:
        redis = stack.enter_context(RedisServer(tmp_path / "redis"))
        replicas = [stack.enter_context(Replica(f"replica-{index}", redis.address, listen=unused_address()))
                    for index in range(2)]
        edge = stack.enter_context(Edge(*(replica.address for replica in replicas), HEALTH_INTERVAL="0.2s"))
        _await_healthy(edge)
        yield replicas, edge


@pytest.fixture(scope="module")
def pictures():
    with Latentd("--models", os.environ["LATENTD_GOLDEN_MODELS"]) as alone:
        return {name: undisturbed(alone.address, CATALOGUE[name]) for name in _NAMES}


def _await_healthy(edge):
    wait_for("both replicas are healthy", lambda: edge.stat("cluster.latentd.membership_healthy") == 2, _PATIENCE)


class _Load:
    """Callers who ask for one picture after another; what fails, or is another picture, is kept."""

    def __init__(self, address, pictures, folder):
        self._address, self._pictures, self._folder = address, pictures, folder
        self._stopped = threading.Event()
        self.made, self.wrong = [], []
        self._threads = [threading.Thread(target=self._ask, args=(way, name)) for name in _NAMES
                         for way in (self._by_latentctl, self._by_stream, self._by_job)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stopped.set()
        for thread in self._threads:
            thread.join()

    def _ask(self, way, name):
        while not self._stopped.is_set():
            try:
                got = way(name)
            except (AssertionError, calls.CallFailed, subprocess.CalledProcessError) as error:
                self.wrong.append(f"{way.__name__}: {getattr(error, 'stderr', '') or error!r}")
                continue
            self.made.append(way.__name__)
            if got != self._pictures[name]:
                self.wrong.append(f"{way.__name__}: another picture of {name}: {got}")

    def _by_latentctl(self, name):
        spec = CATALOGUE[name]
        out = self._folder / f"{name}.png"
        flags = {"--model": spec["model"], "--prompt": spec["prompt"], "--seed": spec["seed"], "--steps": spec["steps"],
                 "--num-images": spec["numImages"], "--sampler": spec["sampler"], "--eta": spec.get("eta", 0), "--out": out}
        words = [str(word) for flag, value in flags.items() if value for word in (flag, value)]
        subprocess.run([os.environ["LATENTCTL_BINARY"], "generate", "--server", self._address, *words], check=True, text=True,
                       capture_output=True, timeout=_PATIENCE)
        count = spec["numImages"]
        files = [out] if count == 1 else [out.with_name(f"{name}-{index}.png") for index in range(count)]
        return [digest(pathlib.Path(file).read_bytes()) for file in files]

    def _by_stream(self, name):
        """One that is sent away goes on as the API says."""
        events = []
        try:
            for event in calls.generate(self._address, CATALOGUE[name], timeout=_PATIENCE):
                events.append(event)
        except calls.CallFailed as error:
            if error.code != "UNAVAILABLE" or not events:
                raise
            events += calls.watch_job(self._address, events[-1].job, events[-1].sequence, timeout=_PATIENCE)
        assert events[-1].WhichOneof("kind") == "completed"
        shas = {event.output.index: event.output.sha256 for event in events if event.WhichOneof("kind") == "output"}
        return [shas[index] for index in sorted(shas)]

    def _by_job(self, name):
        job = calls.create_job(self._address, CATALOGUE[name], "", timeout=_PATIENCE).name
        wait_for("the job ends", lambda: calls.state_of(calls.get_job(self._address, job, 30)) == "STATE_COMPLETED", _PATIENCE)
        return [digest(calls.get_output(self._address, job, index, 30)) for index in range(CATALOGUE[name]["numImages"])]


def test_no_request_fails_and_no_picture_changes(fleet, pictures, tmp_path):
    replicas, edge = fleet
    with _Load(edge.address, pictures, tmp_path) as load:
        wait_for("pictures come", lambda: len(load.made) >= 6, _PATIENCE)
        for replica in replicas:
            replica.stop()
            before = len(load.made)
            wait_for("pictures come without it", lambda before=before: len(load.made) >= before + 2, _PATIENCE)
            replica.start()
            _await_healthy(edge)
        before = len(load.made)
        wait_for("pictures come", lambda: len(load.made) >= before + 6, _PATIENCE)
    assert load.wrong == []
    assert set(load.made) == {"_by_latentctl", "_by_stream", "_by_job"}


def test_who_is_sent_away_goes_on_elsewhere(tmp_path):
    """A stream that outlasts the time to drain ends with UNAVAILABLE; its job goes on, also that of the stream's own caller."""
    with RedisServer(tmp_path / "redis") as redis, contextlib.ExitStack() as stack:
        leaving = stack.enter_context(Replica("leaving", redis.address, drain="1s"))
        together = stack.enter_context(concurrent.futures.ThreadPoolExecutor())
        events, stopping = [], None
        with pytest.raises(calls.CallFailed) as failure:
            for event in calls.generate(leaving.address, _LONG, timeout=_PATIENCE):
                events.append(event)
                if event.WhichOneof("kind") == "started" and stopping is None:
                    staying = stack.enter_context(Replica("staying", redis.address))
                    stopping = together.submit(leaving.stop)
        assert failure.value.code == "UNAVAILABLE"
        stopping.result()
        rest = list(calls.watch_job(staying.address, events[-1].job, events[-1].sequence, _PATIENCE))
    assert rest[-1].WhichOneof("kind") == "completed"
    assert rest[0].sequence > events[-1].sequence
    assert "requeued" in {event.WhichOneof("kind") for event in events + rest}
