"""Callers of a fleet: they submit, follow and cancel, go on elsewhere when a replica does not answer, and write everything down."""

import contextlib
import random
import threading
import time
import uuid

import calls
from specs import CATALOGUE

_PAUSE = 0.4  # before another try
_TERMINAL = ("completed", "failed", "cancelled")


class Callers:
    """Of one run. Each job gets a follower, some a second one and a cancel, all at replicas drawn for each call."""

    def __init__(self, record, replicas, seed):
        self._record, self._replicas, self._seed = record, replicas, seed
        self._threads = []
        self._stopped = threading.Event()
        self.lock = threading.Lock()
        self.accepted = {}  # job: name of its specification

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
        return finished

    def _start(self, function, *arguments):
        thread = threading.Thread(target=function, args=arguments, daemon=True)
        thread.start()
        self._threads.append(thread)

    def _live(self, draw, number, delay):
        if self._stopped.wait(delay):
            return
        name = draw.choice(sorted(CATALOGUE))
        job = self._accepted(draw, name, str(uuid.UUID(int=draw.getrandbits(128))))
        if job is None:
            return
        with self.lock:
            self.accepted[job] = name
        if draw.random() < 0.5:
            self._start(self._follow, random.Random(draw.random()), f"second-{number}", job)
        if draw.random() < 0.15:
            self._start(self._cancel, random.Random(draw.random()), job)
        self._follow(draw, f"caller-{number}", job)

    def _accepted(self, draw, name, request):
        """Again with the same id until there is an answer."""
        while not self._stopped.is_set():
            replica = draw.choice(self._replicas)
            self._record.add("submit", request=request, spec=name, replica=replica.name)
            try:
                job = calls.create_job(replica.address, CATALOGUE[name], request, timeout=4).name
            except calls.CallFailed as error:
                self._record.add("unanswered", request=request, code=error.code)
                self._stopped.wait(_PAUSE)
                continue
            self._record.add("accepted", request=request, job=job)
            if draw.random() < 0.1:  # as if the answer had been lost
                self._repeat(draw, name, request)
            return job
        return None

    def _repeat(self, draw, name, request):
        replica = draw.choice(self._replicas)
        self._record.add("submit", request=request, spec=name, replica=replica.name)
        try:
            again = calls.create_job(replica.address, CATALOGUE[name], request, timeout=4).name
            self._record.add("accepted", request=request, job=again)
        except calls.CallFailed as error:
            self._record.add("unanswered", request=request, code=error.code)

    def _follow(self, draw, reader, job):
        """To the end, leaving for another replica now and then."""
        after = 0
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

