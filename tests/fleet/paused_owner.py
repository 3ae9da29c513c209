"""An owner that is paused in the middle of a write, beyond its lease, and wakes when another replica has its job."""

import contextlib
import pathlib
import tempfile
import threading
from dataclasses import dataclass

import calls
from history import History, read
from processes import wait_for
from redis_server import RedisServer
from replicas import Replica
from resp_proxy import Observed, RespProxy
from run_once import count, read_all
from scripts import kind_of, without_fencing

# Long enough that the lease has to be renewed, or a checkpoint written, while it runs.
_STEPS = {"start": 150, "heartbeat": 900, "progress": 150, "checkpoint": 600, "complete": 150}
_PATIENCE = 300


def spec_for(kind):
    return {"model": "tiny-epsilon", "prompt": "the green house", "seed": "7", "steps": _STEPS[kind], "numImages": 2,
            "sampler": "ddim", "eta": 0.7}


@dataclass
class Outcome:
    history: list
    answer: bytes  # of the write that came late
    later: list  # (kind, answer) of what the owner wrote after it


class _Hold:
    """Holds the first write of a kind back, until it is let pass; then tells the answers to it and to all later ones."""

    def __init__(self, kind, edit):
        self._kind, self._edit = kind, edit
        self._lock = threading.Lock()
        self.held, self.passed = threading.Event(), threading.Event()
        self.answer, self.later = None, []

    def __call__(self, words):
        kind = kind_of(words)
        with self._lock:
            first = kind == self._kind and not self.held.is_set()
            if first:
                self.held.set()
        if first:
            assert self.passed.wait(_PATIENCE)
            return Observed(self._edit(words), self._answered)
        if kind and self.passed.is_set():
            return Observed(self._edit(words), lambda raw: self.later.append((kind, raw)))
        return self._edit(words)

    def _answered(self, raw):
        self.answer = raw


def wake(kind, undisturbed, fenced=True):
    """The job is at a replica that is paused while its write of this kind is on its way. When another one runs the job,
    the write arrives, and then the replica wakes."""
    hold = _Hold(kind, (lambda words: words) if fenced else without_fencing)
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
        record = History(folder / "history")
        record.add("undisturbed", spec=kind, pictures=undisturbed)
        redis = stack.enter_context(RedisServer(folder / "redis"))
        proxy = stack.enter_context(RespProxy(redis.address, hold))
        owner = stack.enter_context(Replica("owner", proxy.address))
        record.add("submit", request="r", spec=kind, replica=owner.name, named=True)
        job = calls.create_job(owner.address, spec_for(kind), "r", timeout=30, label="r").name
        record.add("accepted", request="r", job=job)
        assert hold.held.wait(_PATIENCE), f"no {kind}"
        owner.pause()
        record.add("fault", fault="pause", target=owner.name)
        heir = stack.enter_context(Replica("heir", redis.address))
        _await_heir(heir, job, starts=1 if kind == "start" else 2)
        hold.passed.set()
        wait_for("the late write is answered", lambda: hold.answer)
        owner.resume()
        for _ in calls.watch_job(heir.address, job, 0, timeout=_PATIENCE):
            pass  # to its end
        for replica in (owner, heir):
            wait_for(f"{replica.name} is idle", lambda replica=replica: calls.get_stats(replica.address, 30).running_rows == 0)
        record.add("healed")
        read_all(record, [owner, heir], [job])
        count(record, redis)
        record.close()
        return Outcome(read(record.path), hold.answer, hold.later)


def _await_heir(heir, job, starts):
    """Until it has started the job, as the first or again, or ended it, when only that was left to do."""
    started = 0
    for event in calls.watch_job(heir.address, job, 0, timeout=_PATIENCE):
        started += event.WhichOneof("kind") == "started"
        if started == starts:
            return
