"""Jobs of before, followed."""

from __future__ import annotations

import grpc
import latentd
import pytest
from google.rpc import error_details_pb2
from latentd import v1

from fake_server import JOB, Failure, chunk, completed, output


def ended(state, last_sequence=9, **more):
    job = v1.Job(name=JOB, state=state, last_sequence=last_sequence, **more)
    job.end_time.FromSeconds(1_700_000_000)
    return job


def test_wait_gives_the_result(ask, server, png):
    server.answer("WatchJob", [output(1, png), chunk(2, png), completed(3)])
    assert ask(lambda client: client.wait(v1.Job(name=JOB))).outputs[0].data == png


def test_outputs_of_before_are_left_out(ask, server, png):
    server.answer("GetJob", v1.Job(name=JOB, state=v1.Job.STATE_RUNNING, last_sequence=4))
    server.answer(
        "WatchJob", [chunk(5, b"rest", offset=4), output(6, png, index=1), chunk(7, png, index=1), completed(8)]
    )
    *_, last = ask(lambda client: client.watch(JOB, after_sequence=4))
    assert [o.index for o in last.result.outputs] == [1]
    assert server.requests["WatchJob"][0].after_sequence == 4


def test_a_terminal_event_ends_a_watch_whatever_its_number(ask, server):
    server.answer("GetJob", v1.Job(name=JOB, state=v1.Job.STATE_RUNNING, last_sequence=4))
    server.answer("WatchJob", [completed(8)])
    *_, last = ask(lambda client: client.watch(JOB, after_sequence=100_000))
    assert last.result.outputs == []
    assert len(server.requests["WatchJob"]) == 1


def test_a_bare_identifier_is_a_job(ask, server):
    server.answer("WatchJob", [completed(1)])
    ask(lambda client: client.wait(JOB.removeprefix("jobs/")))
    assert server.requests["WatchJob"][0].name == JOB


def test_a_job_that_has_ended_before_is_not_waited_for(ask, server):
    server.answer("GetJob", ended(v1.Job.STATE_COMPLETED, usage=v1.Usage(evaluations=3)))
    (last,) = ask(lambda client: client.watch(JOB, after_sequence=9))
    assert last.sequence == 9
    assert last.result.outputs == []
    assert last.result.usage.evaluations == 3
    assert not server.requests["WatchJob"]


def test_a_job_that_has_failed_before_is_an_error(ask, server):
    job = ended(v1.Job.STATE_FAILED)
    job.error.code = grpc.StatusCode.INTERNAL.value[0]
    server.answer("GetJob", job)
    with pytest.raises(latentd.JobFailed) as caught:
        ask(lambda client: client.watch(JOB, after_sequence=9))
    assert caught.value.code == grpc.StatusCode.INTERNAL


def test_a_job_that_was_cancelled_before_is_an_error(ask, server):
    job = ended(v1.Job.STATE_CANCELLED)
    job.error.code = grpc.StatusCode.CANCELLED.value[0]
    job.error.details.add().Pack(error_details_pb2.ErrorInfo(reason="JOB_CANCELLED", metadata={"reason": "DRAINED"}))
    server.answer("GetJob", job)
    with pytest.raises(latentd.JobCancelled) as caught:
        ask(lambda client: client.watch(JOB, after_sequence=9))
    assert caught.value.reason == "DRAINED"


def test_an_unknown_job_is_not_found(ask, server):
    details = [error_details_pb2.ResourceInfo(resource_name=JOB)]
    server.answer("WatchJob", [Failure(grpc.StatusCode.NOT_FOUND, "no such job", "JOB_NOT_FOUND", details=details)])
    with pytest.raises(latentd.NotFound) as caught:
        ask(lambda client: client.watch(JOB))
    assert (caught.value.resource, caught.value.reason) == (JOB, "JOB_NOT_FOUND")
