"""The core by itself, without I/O: what it asks its driver to do, and what it makes of the answers."""

from __future__ import annotations

from dataclasses import dataclass, field

import latentd
import pytest
from latentd import v1
from latentd._core import actions, methods
from latentd._core.operations import Operations

from conftest import FakeClock
from fake_server import HEARTBEAT, JOB, completed, progress, started


@dataclass
class Driver:
    """Carries an operation out by what a test has written down: an answer to each Call and Read, errors among them."""

    answers: list
    clock: FakeClock = field(default_factory=FakeClock)
    asked: list = field(default_factory=list)
    emitted: list = field(default_factory=list)

    def run(self, operation):
        action = next(operation)
        try:
            while True:
                self.asked.append(action)
                answer = None
                if isinstance(action, actions.Emit):
                    self.emitted.append(action.item)
                elif isinstance(action, actions.Pause):
                    self.clock.sleep(action.seconds)
                elif isinstance(action, (actions.Call, actions.Read)):
                    answer = self.answers.pop(0)
                    if callable(answer):
                        answer = answer()
                    if isinstance(answer, actions.Silent):
                        self.clock.time += action.timeout
                action = operation.throw(answer) if isinstance(answer, BaseException) else operation.send(answer)
        except StopIteration as end:
            return end.value

    def generate(self, timeout=None):
        return self.run(self._operations().generate(None, {"model": "m"}, None, "", timeout))

    def create_job(self, timeout):
        return self.run(self._operations().create_job(None, {"model": "m"}, None, "", timeout))

    def _operations(self):
        return Operations(latentd.ClientOptions(clock=self.clock))

    def called(self):
        return [action.method for action in self.asked if isinstance(action, (actions.Call, actions.Open))]

    def patience_of_calls(self):
        return [action.timeout for action in self.asked if isinstance(action, actions.Call)]

    def patience(self):
        return [action.timeout for action in self.asked if isinstance(action, actions.Read)]


def test_the_timeout_ends_the_tries():
    driver = Driver([latentd.Unavailable("lost")] * 10)
    with pytest.raises(latentd.DeadlineExceeded, match="lost; no time to try again"):
        driver.create_job(timeout=1)
    assert 0 < sum(driver.clock.pauses) < 1
    assert driver.patience_of_calls()[0] == 1


@pytest.mark.parametrize("error", [latentd.Unavailable("lost"), latentd.DeadlineExceeded("no answer")])
def test_a_timeout_before_the_jobs_name_came_cancels_the_job(error):
    def lost_late():
        driver.clock.time += 1
        return error

    driver = Driver([lost_late, v1.Job(name=JOB), v1.Job(name=JOB)])
    with pytest.raises(latentd.DeadlineExceeded):
        driver.generate(timeout=1)
    assert driver.called() == [methods.CREATE_JOB, methods.CREATE_JOB, methods.CANCEL_JOB]
    first, second, cancel = (action.request for action in driver.asked if isinstance(action, actions.Call))
    assert first.request_id == second.request_id
    assert cancel.name == JOB


def test_a_refusal_is_told_at_the_timeout_and_nothing_is_asked_again():
    full = latentd.ResourceExhausted("the queue is full")
    full.reason, full.retry_delay = "QUEUE_FULL", 3
    driver = Driver([full])
    with pytest.raises(latentd.ResourceExhausted):
        driver.generate(timeout=1)
    assert driver.called() == [methods.CREATE_JOB]


def test_silence_of_a_minute_is_a_loss():
    driver = Driver([v1.Job(name=JOB), started(1), HEARTBEAT, actions.Silent(), completed(2)])
    assert driver.generate().result.job == JOB
    assert driver.patience() == [60, 60, 60, 60]
    assert driver.called() == [methods.CREATE_JOB, methods.WATCH_JOB, methods.WATCH_JOB]
    assert driver.asked[-2].request.after_sequence == 1


def test_waits_no_longer_than_the_timeout():
    driver = Driver([v1.Job(name=JOB), started(1), actions.Silent(), v1.Job(name=JOB), actions.Silent()])
    with pytest.raises(latentd.DeadlineExceeded):
        driver.generate(timeout=20)
    assert driver.patience() == [20, 20, 5]  # at last that of the cancel
    assert driver.called() == [methods.CREATE_JOB, methods.WATCH_JOB, methods.CANCEL_JOB]
    assert driver.clock.time == 1025


def test_a_loss_after_the_timeout_is_not_paused_for():
    def lost_late():
        driver.clock.time += 21
        return latentd.Unavailable("lost")

    driver = Driver([v1.Job(name=JOB), lost_late, v1.Job(name=JOB), actions.Silent()])
    with pytest.raises(latentd.DeadlineExceeded):
        driver.generate(timeout=20)
    assert driver.clock.pauses == [0]


def test_a_failure_within_the_grace_is_the_timeout():
    lost = [latentd.Unavailable("lost")] * 10
    driver = Driver([v1.Job(name=JOB), actions.Silent(), v1.Job(name=JOB), *lost])
    with pytest.raises(latentd.DeadlineExceeded):
        driver.generate(timeout=20)
    assert driver.clock.time == 1025


def test_a_caller_that_leaves_has_its_job_cancelled():
    driver = Driver([v1.Job(name=JOB), started(1), progress(2, 1), actions.Stopped(), v1.Job(name=JOB)])
    with pytest.raises(actions.Stopped):
        driver.generate()
    assert driver.called()[-1] == methods.CANCEL_JOB
    assert [type(event) for event in driver.emitted] == [latentd.Started, latentd.Progress]


def test_a_cancel_that_fails_does_not_keep_a_caller_that_leaves():
    driver = Driver([v1.Job(name=JOB), actions.Stopped(), latentd.PermissionDenied("no")])
    with pytest.raises(actions.Stopped):
        driver.generate()


def test_a_second_interrupt_leaves_at_once():
    driver = Driver([v1.Job(name=JOB), actions.Stopped(), actions.Stopped()])
    with pytest.raises(actions.Stopped):
        driver.generate()
    assert driver.called() == [methods.CREATE_JOB, methods.WATCH_JOB, methods.CANCEL_JOB]
