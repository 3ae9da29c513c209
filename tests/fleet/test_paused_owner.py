"""A paused owner that wakes can write nothing, whichever kind of write it had begun; and the checker would see it."""

import concurrent.futures
import os

import pytest

import checker
import told
from paused_owner import spec_for, wake
from processes import Latentd
from specs import undisturbed

_WRITES = ("heartbeat", "progress", "checkpoint", "complete")
_SEEN = ("start", "complete")  # by every caller: newer progress takes the place of older


@pytest.fixture(scope="module")
def outcomes():
    """Of all cases, at once: most of the time they wait for a lease to end."""
    with Latentd("--models", os.environ["LATENTD_GOLDEN_MODELS"]) as alone:
        pictures = {kind: undisturbed(alone.address, spec_for(kind)) for kind in {*_WRITES, *_SEEN}}
    cases = [*((kind, True) for kind in _WRITES), *((kind, False) for kind in _SEEN)]
    with concurrent.futures.ThreadPoolExecutor(len(cases)) as together:
        return dict(zip(cases, together.map(lambda case: wake(case[0], pictures[case[0]], case[1]), cases), strict=True))


@pytest.mark.parametrize("kind", _WRITES)
def test_its_write_is_refused_and_nothing_is_seen_of_it(outcomes, kind):
    outcome = outcomes[kind, True]
    job = next(entry["job"] for entry in outcome.history if entry["kind"] == "accepted")
    if kind == "heartbeat":  # answered with the jobs that are not its any more
        assert job.removeprefix("jobs/").encode() in outcome.answer
    else:
        assert outcome.answer == b":0\r\n"
    assert {answer for what, answer in outcome.later if what != "heartbeat"} <= {b":0\r\n"}
    assert checker.check(outcome.history) == []
    assert told.jobs_of(outcome.history)[job].moved()


@pytest.mark.parametrize("kind", _SEEN)
def test_without_fencing_the_checker_finds_it(outcomes, kind):
    outcome = outcomes[kind, False]
    assert outcome.answer != b":0\r\n"
    violations = checker.check(outcome.history)
    assert {violation.rule for violation in violations} & {"fenced", "doubled"}, violations
