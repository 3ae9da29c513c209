"""The checker itself: a good history passes, and each kind of bad one is refused for what is bad about it."""

import copy

import pytest

import checker
import told

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


def _try(request, named=True):
    return {"kind": "submit", "request": request, "spec": "apple", "replica": "replica-0", "named": named}


def _submitted(request="r", job=_JOB, named=True):
    return [_try(request, named), {"kind": "accepted", "request": request, "job": job}]


def _found(state="STATE_COMPLETED", replica="replica-0", pictures=(_PICTURE,), request="r", job=_JOB, label=None):
    return {"kind": "found", "replica": replica, "job": job, "state": state, "request": request,
            "label": request if label is None else label, "pictures": list(pictures)}


_FIRST = (_JOB, "r")  # with its label


def _listed(*jobs):
    return {"kind": "listed", "replica": "replica-0", "jobs": list(jobs)}


_KNOWN = {"kind": "undisturbed", "spec": "apple", "pictures": [_PICTURE]}
_COUNTED = {"kind": "counted", "queued": 0, "running": 0, "bytes": 0, "left": [], "busy": [], "lasting": []}


def _fault(kind, target="replica-0"):
    return {"kind": "fault", "fault": kind, "target": target}


def _over(kind, target="replica-0"):
    return {**_fault(kind, target), "kind": "over"}


def _history(events=_LIFE, more=(), found=None, listed=(_FIRST,), faults=(_fault("kill"), _fault("kill", "replica-1"), _fault("pause"))):
    found = {"last": events[-1]["sequence"], **(found or _found())}
    return [_KNOWN, *faults, *_submitted(), *_read("caller", events), *_read("reader", events), *more, found, _listed(*listed), _COUNTED]


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
    job = told.jobs_of(_history())[_JOB]
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


def _untold(name="jobs/2", label="x", request="", events=_LIFE, pictures=(_PICTURE,)):
    """A job that nobody was told of."""
    return [*_read("reader", events, name),
            {**_found(request=request, job=name, label=label, pictures=pictures), "last": events[-1]["sequence"]}]


def _also(*more):
    """A history with `more`, and with a list of its jobs."""
    return _history(more=more, listed=(_FIRST, *((entry["job"], entry["label"]) for entry in more if entry["kind"] == "found")))


def test_a_request_without_an_id_may_have_a_job_for_each_try_that_was_not_answered():
    assert checker.check(_also(_try("w", named=False), _try("x", named=False), *_submitted("y", "jobs/4", named=False),
                               *_untold(label="w"), *_untold("jobs/3"), *_untold("jobs/4", "y"))) == []


def test_a_job_that_nobody_was_told_of_may_be_cancelled():
    events = [*_LIFE[:3], _event(5, "cancelled", reason="CALLER_GONE")]
    found = {**_found("STATE_CANCELLED", pictures=(), request="", job="jobs/2", label="x"), "last": 5}
    assert checker.check(_also(_try("x", named=False), *_read("reader", events, "jobs/2"), found)) == []


def test_the_end_of_its_stream_may_cancel_a_job():
    events = [*_LIFE[:3], _event(5, "cancelled", reason="CALLER_GONE")]
    gone = {"kind": "gone", "reader": "caller", "job": _JOB, "code": "DEADLINE_EXCEEDED"}
    assert checker.check(_history(events, [gone], _found("STATE_CANCELLED", pictures=()))) == []


_LOST_BEFORE_IT_RAN = [event for event in _LIFE if event["what"] != "progress" and event["sequence"] != 2]
_REDIS = ("kill redis", "kill redis for long", "freeze redis", "freeze redis for long")


@pytest.mark.parametrize("kind", ("kill", "pause", "cut", "silence", "slow"))
def test_a_fault_of_a_replica_or_its_link_may_lose_a_job(kind):
    assert checker.check(_history(faults=[_fault(kind)])) == []


def test_a_fault_may_lose_several_jobs():
    second = [*_submitted("r2", "jobs/2"), *_read("caller", _LIFE, "jobs/2"), {**_found(request="r2", job="jobs/2"), "last": 11}]
    assert checker.check(_history(more=second, listed=(_FIRST, ("jobs/2", "r2")), faults=[_fault("kill")])) == []


def test_a_replica_that_stops_while_redis_is_away_may_lose_a_job():
    faults = [_fault("kill redis", "redis"), _fault("restart"), _over("kill redis", "redis"), _over("restart")]
    assert checker.check(_history(faults=faults)) == []


@pytest.mark.parametrize("kind", _REDIS)
def test_redis_may_lose_the_answer_to_a_claim(kind):
    assert checker.check(_history(_LOST_BEFORE_IT_RAN, faults=[_fault(kind, "redis")])) == []


_BAD = {
    "a job has no end": ("lost", _history(_with(without=(11,)))),
    "a job is forgotten": ("lost", _history(more=[{"kind": "missing", "replica": "replica-1", "job": _JOB, "code": "NOT_FOUND"}])),
    "nobody saw anything of it": ("lost", [_KNOWN, *_submitted(), _listed(_FIRST), _COUNTED]),
    "it is in no list": ("doubled", _history(listed=())),
    "a job ends twice": ("doubled", _history(_with(_event(12, "completed")))),
    "a job ends in two ways": ("doubled", _history(_with(_event(12, "cancelled", reason="CALLER")))),
    "something comes after the end": ("doubled", _history(_with(_event(12, "progress", output=0, step=31)))),
    "something was written after the end": ("doubled", _history(found={**_found(), "last": 12})),
    "an output comes twice": ("doubled", _history(_with(_event(7, "output", output=0, size=3, sha256=_PICTURE)))),
    "its state is not its end": ("doubled", _history(found=_found("STATE_FAILED"))),
    "a request has two jobs": ("doubled", _history(more=_submitted(job="jobs/2"), listed=(_FIRST, ("jobs/2", "r")))),
    "two requests have one job": ("doubled", _history(more=_submitted("r2"))),
    "a job has the request of another": ("doubled", _also(*_submitted("r2", "jobs/2"), {**_found(job="jobs/2"), "last": 0})),
    "there is a job that nobody asked for": ("doubled", _history(listed=(_FIRST, ("jobs/2", "x")))),
    "a job is of no request": ("doubled", _history(found=_found(label=""))),
    "a job is in a list as that of another request": ("doubled", _history(listed=((_JOB, "r2"),))),
    "a request with an id has a job that nobody was told of": ("doubled", _also(_try("x"), *_untold(request="x"))),
    "a job has an id, and its request had none": ("doubled", _also(_try("x", named=False), *_untold(request="x"))),
    "a job has no id, and its request had one": ("doubled", _history(found=_found(request="", label="r"))),
    "a try without an id and an answer has two jobs": ("doubled", _also(
        _try("w", named=False), _try("x", named=False), *_untold(), *_untold("jobs/3"))),
    "a try without an id has a job besides its answer": ("doubled", _also(
        _try("w", named=False), *_submitted("x", "jobs/3", named=False), *_untold(), *_untold("jobs/3"))),
    "a try without an id has the job of another": ("doubled", _history(more=_submitted("x", named=False))),
    "a job that nobody was told of has no end": ("lost", _also(_try("x", named=False), *_untold(events=_LIFE[:3]))),
    "a job that nobody was told of has other pictures": ("unequal", _also(_try("x", named=False), *_untold(
        events=_with(_event(9, "output", output=0, size=3, sha256=_OTHER), _event(10, "output_chunk", output=0, offset=0, size=3, sha256=_OTHER)),
        pictures=(_OTHER,)))),
    "a job is listed twice": ("doubled", _history(listed=(_FIRST, _FIRST))),
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
    "a replica is lost by nothing": ("moved", _history(faults=())),
    "a replica is lost by a restart": ("moved", _history(faults=[_fault("restart")])),
    "a replica is lost by a restart after Redis was away": ("moved", _history(faults=[
        _fault("kill redis", "redis"), _over("kill redis", "redis"), _fault("restart"), _over("restart")])),
    "a replica is lost before there is a fault": ("moved", [*_history(faults=()), _fault("kill")]),
    "two replicas are lost by one fault": ("moved", _history([
        *_LIFE[:4], _LIFE[4], {**_LIFE[3], "sequence": 7, "digest": "another"}, *({**event, "sequence": event["sequence"] + 4}
                                                                                for event in _LIFE[4:])], faults=[_fault("kill")])),
    "a claim is lost by nothing": ("moved", _history(_LOST_BEFORE_IT_RAN, faults=[_fault("restart")])),
    **{f"a replica is lost by a fault of Redis: {kind}": ("moved", _history(faults=[_fault(kind, "redis")])) for kind in _REDIS},
    "one number, two events": ("history", _history(more=_read("other", _with({**_event(4, "progress", output=0, step=20),
                                                                              "digest": "another"})))),
    "a stream goes back": ("history", _history(more=_read("other", [*_LIFE[:5], _LIFE[3], *_LIFE[5:]]))),
    "a stream begins too early": ("history", _history(more=_read("caller", _LIFE[-2:], after=10))),
    "a reader missed an event": ("history", _history(more=_read("other", _with(without=(5,))))),
    "cancelled by nobody": ("cancel", _history([*_LIFE[:3], _event(5, "cancelled", reason="CALLER_GONE")],
                                               found=_found("STATE_CANCELLED"))),
    "cancelled as its replica left": ("cancel", _history(
        [*_LIFE[:3], _event(5, "cancelled", reason="CALLER_GONE")],
        [{"kind": "gone", "reader": "caller", "job": _JOB, "code": "UNAVAILABLE"}], _found("STATE_CANCELLED"))),
    "a cancel that was confirmed and forgotten": ("cancel", _history(more=[
        {"kind": "cancel", "job": _JOB, "replica": "replica-0"}, {"kind": "cancelled", "job": _JOB, "state": "STATE_CANCELLED"}])),
    "a job fails": ("cancel", _history([*_LIFE[:3], _event(5, "failed", reason="INTERNAL")], found=_found("STATE_FAILED"))),
    **{f"{name} is not zero": ("count", [*_history()[:-1], {**_COUNTED, name: 1}]) for name in ("queued", "running", "bytes")},
    **{f"keys are {name}": ("count", [*_history()[:-1], {**_COUNTED, name: ["{latentd}:key"]}]) for name in ("left", "busy", "lasting")},
}


@pytest.mark.parametrize("name", _BAD)
def test_a_bad_history_is_refused(name):
    rule, history = _BAD[name]
    assert rule in _rules(history)
