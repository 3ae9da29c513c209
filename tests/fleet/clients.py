"""Callers of a fleet: they submit, follow and cancel, go on elsewhere when a replica does not answer, and write everything down."""

import contextlib
import random
import threading
import time
import uuid

import calls
from specs import CATALOGUE

_PAUSE = 0.4  # before another try
_STREAM = 90  # seconds that a Generate may take
_TERMINAL = ("completed", "failed", "cancelled")


class Callers:
    """Of one run. Each job gets a follower, some a second one and a cancel, all at replicas drawn for each call. Most are
    created with an id of the request, some without one, and some by Generate, whose end cancels the job. All jobs have the
    history's id of their request as a label."""

    def __init__(self, record, replicas, seed):
        self._record, self._replicas, self._seed = record, replicas, seed
        self._threads = []
        self._broken = []
        self._stopped = threading.Event()
        self.accepted = []  # jobs

    def submit(self, number, delay):
        """In the background: a job, after so many seconds, and whatever its caller does then."""
        self._start(self._live, random.Random(f"{self._seed}/{number}"), number, delay)

    def wait(self, patience):
        """Until all have seen the end of their jobs. Returns whether they have; if not, they give up."""
        deadline = time.monotonic() + patience
        for thread in self._threads:  # may grow
            thread.join(max(0, deadline - time.monotonic()))
        finished = not any(thread.is_alive() for thread in self._threads)
        self._stopped.set()
        for thread in self._threads:
            thread.join()
        assert not self._broken, self._broken[0]
        return finished

    def _start(self, function, *arguments):
        thread = threading.Thread(target=self._guarded, args=(function, *arguments), daemon=True)
        thread.start()
        self._threads.append(thread)

    def _guarded(self, function, *arguments):
        try:
            function(*arguments)
        except Exception as error:  # noqa: BLE001: told by wait()
            self._broken.append(f"a caller: {error!r}")

    def _live(self, draw, number, delay):
        if self._stopped.wait(delay):
            return
        name = draw.choice(sorted(CATALOGUE))
        way = draw.choices(("named", "unnamed", "generate"), (4, 1, 1))[0]
        if way == "generate":
            job, after = self._generate(draw, number, name)
        else:
            job, after = self._create(draw, name, named=way == "named"), 0
            if job is not None:
                self._accompany(draw, number, job)
        if job is not None:
            self._follow(draw, f"caller-{number}", job, after)

    def _accompany(self, draw, number, job):
        if draw.random() < 0.5:
            self._start(self._follow, random.Random(draw.random()), f"second-{number}", job, 0)
        if draw.random() < 0.15:
            self._start(self._cancel, random.Random(draw.random()), job)

    def _submitted(self, draw, name, request, named):
        """Where to."""
        replica = draw.choice(self._replicas)
        self._record.add("submit", request=request, spec=name, replica=replica.name, named=named)
        return replica

    def _create(self, draw, name, named):
        """Again until there is an answer: with the same id, or without one."""
        request = _request(draw)
        while not self._stopped.is_set():
            job = self._try(draw, name, request, named)
            if job is not None:
                if named and draw.random() < 0.1:  # as if the answer had been lost
                    self._try(draw, name, request, named)
                return job
            self._stopped.wait(_PAUSE)
            if not named:
                request = _request(draw)
        return None

    def _try(self, draw, name, request, named):
        replica = self._submitted(draw, name, request, named)
        try:
            job = calls.create_job(replica.address, CATALOGUE[name], request if named else "", timeout=4, label=request).name
        except calls.CallFailed as error:
            self._record.add("unanswered", request=request, code=error.code)
            return None
        self._accept(request, job)
        return job

    def _accept(self, request, job):
        self._record.add("accepted", request=request, job=job)
        self.accepted.append(job)

    def _generate(self, draw, number, name):
        """Again until there is a first event, which names the job. Gives it, and up to where it was followed."""
        reader = f"caller-{number}"
        while not self._stopped.is_set():
            request, job, after = _request(draw), None, 0
            replica = self._submitted(draw, name, request, named=False)
            code = "OK"
            try:
                for event in calls.generate(replica.address, CATALOGUE[name], timeout=_STREAM, label=request):
                    if job is None:
                        job = event.job
                        self._accept(request, job)
                        self._record.add("watch", reader=reader, replica=replica.name, job=job, after=0)
                        self._accompany(draw, number, job)
                    self._record.event(reader, event)
                    after = event.sequence
                    if event.WhichOneof("kind") in _TERMINAL:
                        return None, 0
            except calls.CallFailed as error:
                code = error.code
            if job is not None:
                self._record.add("gone", reader=reader, job=job, code=code)
                return job, after
            self._record.add("unanswered", request=request, code=code)
            self._stopped.wait(_PAUSE)
        return None, 0

    def _follow(self, draw, reader, job, after):
        """To the end, leaving for another replica now and then."""
        while not self._stopped.is_set():
            replica = draw.choice(self._replicas)
            self._record.add("watch", reader=reader, replica=replica.name, job=job, after=after)
            try:
                for event in calls.watch_job(replica.address, job, after, timeout=draw.uniform(1, 6)):
                    self._record.event(reader, event)
                    after = event.sequence
                    if event.WhichOneof("kind") in _TERMINAL:
                        return
                self._record.add("cut", reader=reader, job=job, code="OK")
            except calls.CallFailed as error:
                self._record.add("cut", reader=reader, job=job, code=error.code)
            self._stopped.wait(_PAUSE)

    def _cancel(self, draw, job):
        self._stopped.wait(draw.uniform(0, 3))
        while not self._stopped.is_set():
            replica = draw.choice(self._replicas)
            self._record.add("cancel", job=job, replica=replica.name)
            with contextlib.suppress(calls.CallFailed):
                stopped = calls.cancel_job(replica.address, job, timeout=4)
                self._record.add("cancelled", job=job, state=calls.state_of(stopped))
                return
            self._stopped.wait(_PAUSE)


def _request(draw):
    return str(uuid.UUID(int=draw.getrandbits(128)))
