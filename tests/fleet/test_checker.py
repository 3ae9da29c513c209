"""The checker itself: a good history passes, and each kind of bad one is refused for what is bad about it."""

import copy

import pytest

import checker

_PICTURE, _OTHER = "a" * 64, "b" * 64
_JOB = "jobs/1"


def _event(sequence, what, **fields):
    return {"sequence": sequence, "what": what, "digest": f"{what}-{sequence}", **fields}


_LIFE = [
    _event(1, "queued"),
    _event(2, "started"),
    _event(4, "progress", output=0, step=20),
    _event(5, "requeued", reason="LOST", resume=15),
    _event(6, "started"),
    _event(8, "progress", output=0, step=30),
    _event(9, "output", output=0, size=3, sha256=_PICTURE),
    _event(10, "output_chunk", output=0, offset=0, size=3, sha256=_PICTURE),
    _event(11, "completed"),
]


def _read(reader, events, job=_JOB, after=0):
    return [{"kind": "watch", "reader": reader, "replica": "replica-0", "job": job, "after": after},
            *({"kind": "event", "reader": reader, "job": job, **event} for event in copy.deepcopy(events))]


def _submitted(request="r", job=_JOB):
    return [{"kind": "submit", "request": request, "spec": "apple", "replica": "replica-0"},
            {"kind": "accepted", "request": request, "job": job}]


def _found(state="STATE_COMPLETED", replica="replica-0", pictures=(_PICTURE,), request="r", job=_JOB):
    return {"kind": "found", "replica": replica, "job": job, "state": state, "request": request, "pictures": list(pictures)}


def _listed(*jobs):
    return {"kind": "listed", "replica": "replica-0", "jobs": list(jobs)}


_KNOWN = {"kind": "undisturbed", "spec": "apple", "pictures": [_PICTURE]}
_COUNTED = {"kind": "counted", "queued": 0, "running": 0, "bytes": 0, "leases": 0}


def _history(events=_LIFE, more=(), found=None, listed=(_JOB,)):
    found = {"last": events[-1]["sequence"], **(found or _found())}
    return [_KNOWN, *_submitted(), *_read("caller", events), *_read("reader", events), *more, found, _listed(*listed), _COUNTED]


def _rules(history):
    return {violation.rule for violation in checker.check(history)}


def _with(*changes, without=()):
    """The life with other events in the places of those of the same number, or besides them."""
    events = {event["sequence"]: event for event in _LIFE if event["sequence"] not in without}
    events.update((event["sequence"], event) for event in changes)
    return [events[sequence] for sequence in sorted(events)]


def test_a_good_history_passes():
    assert checker.check(_history()) == []


def test_a_job_moved_and_ended():
    job = checker.jobs_of(_history())[_JOB]
    assert job.moved() and job.end() == "completed"


def test_readers_may_miss_progress_and_go_on_elsewhere():
    rest = [event for event in _LIFE if event["sequence"] > 6 and event["what"] != "progress"]
    history = [*_read("slow", _with(without=(8, 9, 10, 11))), *_read("slow", rest, after=6)]
    assert checker.check(_history(more=history)) == []


def test_a_request_may_be_repeated():
    assert checker.check(_history(more=_submitted())) == []


def test_a_job_that_moved_between_its_last_output_and_its_end():
    events = [event for event in _with(without=(5, 6)) if event["what"] != "completed"]
    assert checker.check(_history([*events, _event(11, "requeued", reason="LOST", resume=30), _event(12, "completed")])) == []


def test_a_cancelled_job_that_was_asked_to():
    events = [*_LIFE[:3], _event(5, "cancelled", reason="CALLER")]
    asked = [{"kind": "cancel", "job": _JOB, "replica": "replica-0"}, {"kind": "cancelled", "job": _JOB, "state": "STATE_CANCELLED"}]
    assert checker.check(_history(events, asked, _found("STATE_CANCELLED", pictures=()))) == []


def test_a_job_that_lost_three_replicas_may_be_given_up():
    events = [_event(1, "queued"), *(event for n in (2, 4, 6) for event in (
        _event(n, "started"), _event(n + 1, "requeued", reason="LOST", resume=0))), _event(8, "failed", reason="REPLICAS_LOST")]
    assert checker.check(_history(events, found=_found("STATE_FAILED", pictures=()))) == []


_BAD = {
    "a job has no end": ("lost", _history(_with(without=(11,)))),
    "a job is forgotten": ("lost", _history(more=[{"kind": "missing", "replica": "replica-1", "job": _JOB, "code": "NOT_FOUND"}])),
    "nobody saw anything of it": ("lost", [_KNOWN, *_submitted(), _listed(_JOB), _COUNTED]),
    "it is in no list": ("doubled", _history(listed=())),
    "a job ends twice": ("doubled", _history(_with(_event(12, "completed")))),
    "a job ends in two ways": ("doubled", _history(_with(_event(12, "cancelled", reason="CALLER")))),
    "something comes after the end": ("doubled", _history(_with(_event(12, "progress", output=0, step=31)))),
    "something was written after the end": ("doubled", _history(found={**_found(), "last": 12})),
    "an output comes twice": ("doubled", _history(_with(_event(7, "output", output=0, size=3, sha256=_PICTURE)))),
    "its state is not its end": ("doubled", _history(found=_found("STATE_FAILED"))),
    "a request has two jobs": ("doubled", _history(more=_submitted(job="jobs/2"), listed=(_JOB, "jobs/2"))),
    "two requests have one job": ("doubled", _history(more=_submitted("r2"))),
    "a job has the request of another": ("doubled", _history(more=[
        *_submitted("r2", "jobs/2"), {**_found(job="jobs/2"), "last": 0}], listed=(_JOB, "jobs/2"))),
    "there is a job that nobody asked for": ("doubled", _history(listed=(_JOB, "jobs/2"))),
    "a job is listed twice": ("doubled", _history(listed=(_JOB, _JOB))),
    "another picture": ("unequal", _history(_with(_event(9, "output", output=0, size=3, sha256=_OTHER),
                                                  _event(10, "output_chunk", output=0, offset=0, size=3, sha256=_OTHER)))),
    "other bytes than announced": ("unequal", _history(_with(
        _event(10, "output_chunk", output=0, offset=0, size=3, sha256=_OTHER)))),
    "another picture at a replica": ("unequal", _history(found=_found(pictures=(_OTHER,)))),
    "a picture is missing": ("unequal", _history(_with(without=(9, 10)))),
    "an event between owners": ("fenced", _history(_with(_event(5, "requeued", reason="LOST", resume=15),
                                                         _event(6, "progress", output=0, step=21), _event(7, "started")))),
    "a completion between owners": ("fenced", _history(_with(without=(6, 8, 9, 10)))),
    "steps of two owners": ("fenced", _history(_with(_event(7, "progress", output=0, step=40)))),
    "a step before the checkpoint": ("fenced", _history(_with(_event(7, "progress", output=0, step=14)))),
    "two owners at once": ("fenced", _history(_with(_event(7, "started")))),
    "a failure by nobody": ("fenced", _history([*_LIFE[:4], _event(6, "failed", reason="INTERNAL")], found=_found("STATE_FAILED"))),
    "given up too early": ("fenced", _history([*_LIFE[:4], _event(6, "failed", reason="REPLICAS_LOST")],
                                              found=_found("STATE_FAILED"))),
    "one number, two events": ("history", _history(more=_read("other", _with({**_event(4, "progress", output=0, step=20),
                                                                              "digest": "another"})))),
    "a stream goes back": ("history", _history(more=_read("other", [*_LIFE[:5], _LIFE[3], *_LIFE[5:]]))),
    "a stream begins too early": ("history", _history(more=_read("caller", _LIFE[-2:], after=10))),
    "a reader missed an event": ("history", _history(more=_read("other", _with(without=(5,))))),
    "cancelled by nobody": ("cancel", _history([*_LIFE[:3], _event(5, "cancelled", reason="CALLER_GONE")],
                                               found=_found("STATE_CANCELLED"))),
    "a cancel that was confirmed and forgotten": ("cancel", _history(more=[
        {"kind": "cancel", "job": _JOB, "replica": "replica-0"}, {"kind": "cancelled", "job": _JOB, "state": "STATE_CANCELLED"}])),
    "a job fails": ("cancel", _history([*_LIFE[:3], _event(5, "failed", reason="INTERNAL")], found=_found("STATE_FAILED"))),
    "a counter is left": ("count", [*_history()[:-1], {**_COUNTED, "running": 1}]),
}


@pytest.mark.parametrize("name", _BAD)
def test_a_bad_history_is_refused(name):
    rule, history = _BAD[name]
    assert rule in _rules(history)
