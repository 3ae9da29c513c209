"""Whether and when an operation is tried again."""

from __future__ import annotations

import latentd
import pytest
from google.rpc import error_details_pb2, status_pb2
from latentd import errors
from latentd._core.retry_policy import RetryPolicy

LOST = latentd.Unavailable("lost")


def asks_for(seconds, kind=latentd.Unavailable):
    retry = error_details_pb2.RetryInfo()
    retry.retry_delay.FromMilliseconds(int(seconds * 1000))
    status = status_pb2.Status()
    status.details.add().Pack(retry)
    return kind("busy", status=status)


def policy(chance=0.0, answered=True, **options):
    return RetryPolicy(latentd.RetryOptions(**options), lambda: chance, answered)


def test_pauses_grow_to_the_longest():
    p = policy(max_backoff=1)
    assert [p.next_delay(LOST, 0) for _ in range(5)] == [0.2, 0.4, 0.8, 1, 1]


def test_pauses_are_shortened_at_random_by_up_to_a_half():
    assert policy(chance=1).next_delay(LOST, 0) == pytest.approx(0.1)


def test_after_an_answer_the_next_failure_is_the_first():
    p = policy()
    p.next_delay(LOST, 0)
    p.succeeded()
    assert p.next_delay(LOST, 0) == 0.2


@pytest.mark.parametrize(("answered", "limit"), [(False, 10), (True, 120)])
def test_gives_up_a_server_that_stays_away(answered, limit):
    p = policy(answered=answered)
    assert p.next_delay(LOST, 0) == 0.2
    assert p.next_delay(LOST, limit - 0.5) == 0.4
    assert p.next_delay(LOST, limit) is None


def test_waits_as_long_as_the_server_asks_and_up_to_a_fifth_more():
    assert policy(chance=0).next_delay(asks_for(5), 0) == 5
    assert policy(chance=1).next_delay(asks_for(5), 0) == 6
    assert policy(chance=0).next_delay(asks_for(5, errors.ResourceExhausted), 0) == 5
    assert policy(chance=0).next_delay(asks_for(0), 0) == 0.2


def test_gives_up_a_server_that_stays_busy():
    p = policy()
    assert p.next_delay(asks_for(5), 0) == 5
    assert p.next_delay(asks_for(5), 595) == 5
    assert p.next_delay(asks_for(5), 596) is None


def test_a_negative_delay_forbids_to_try_again():
    assert policy().next_delay(asks_for(-1), 0) is None


def test_other_errors_are_final():
    assert policy().next_delay(latentd.InvalidArgument("no"), 0) is None


def test_zero_means_once():
    assert policy(answered=False, connect_for=0).next_delay(LOST, 0) is None
