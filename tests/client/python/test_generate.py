"""A job made and followed, whatever happens to the connection."""

from __future__ import annotations

import grpc
import latentd
import pytest
from latentd import v1
from latentd.v1 import event_pb2

from fake_server import (
    HEARTBEAT,
    JOB,
    LOST,
    Failure,
    cancelled,
    chunk,
    completed,
    event,
    failed,
    output,
    progress,
    queued,
    started,
)

GENERATE = {"model": "m", "prompt": "a red apple", "seed": 7}


def test_gives_pictures_usage_and_warnings(ask, server, png):
    server.answer("WatchJob", [queued(1), started(2), output(3, png), chunk(4, png), completed(5)])
    result = ask(lambda client: client.generate(**GENERATE))
    assert [image.size for image in result.images] == [(2, 2)]
    assert result.job == JOB
    assert result.outputs[0].data == png
    assert result.outputs[0].ok
    assert result.usage.evaluations == 8
    assert [warning.reason for warning in result.warnings] == ["PROMPT_TRUNCATED"]
    request = server.requests["CreateJob"][0]
    assert (request.spec.model, request.spec.prompt, request.spec.seed) == ("m", "a red apple", 7)
    assert len(request.request_id) == 36
    assert not server.requests["CancelJob"]


def test_stream_tells_each_event_once_and_ends_with_the_result(ask, server, png):
    preview = event_pb2.Preview(image=event_pb2.EncodedImage(data=png))
    shown = event(3, progress=event_pb2.Progress(step=1, total_steps=2, preview=preview))
    server.answer(
        "WatchJob",
        [queued(1, position=3), HEARTBEAT, started(2), shown, shown, output(4, png), chunk(5, png), completed(6)],
    )
    events = ask(lambda client: client.stream(**GENERATE))
    kinds = [latentd.Queued, latentd.Started, latentd.Progress, latentd.OutputReady, latentd.Completed]
    assert [type(e) for e in events] == kinds
    assert [e.sequence for e in events] == [1, 2, 3, 5, 6]
    assert events[0].position == 3
    assert events[0].eta is None
    assert events[0].time.isoformat() == "2023-11-14T22:13:21+00:00"
    assert events[2].preview_image().size == (2, 2)
    assert events[3].output.data == png
    assert events[4].result.outputs == [events[3].output]


def test_goes_on_after_the_last_event_when_the_connection_is_lost(ask, server, clock):
    data = bytes(range(256)) * 10
    server.answer(
        "WatchJob",
        [started(1), output(2, data), chunk(3, data[:1000]), LOST],
        [HEARTBEAT, LOST],
        [chunk(4, data[1000:], offset=1000), completed(5)],
    )
    retries = []
    result = ask(lambda client: client.generate(**GENERATE, on_retry=lambda why, pause: retries.append((why, pause))))
    assert result.outputs[0].data == data
    assert [request.after_sequence for request in server.requests["WatchJob"]] == [0, 3, 3]
    assert [pause for _, pause in retries] == clock.pauses
    assert isinstance(retries[0][0], latentd.Unavailable)
    assert all(0.1 <= pause <= 0.2 for pause in clock.pauses)  # each the first again: something came


@pytest.mark.parametrize(
    "end",
    [
        [],
        [Failure(grpc.StatusCode.INTERNAL, "RST_STREAM")],
        [Failure(grpc.StatusCode.UNKNOWN)],
        [Failure(grpc.StatusCode.CANCELLED)],
        [Failure(grpc.StatusCode.DEADLINE_EXCEEDED)],
        [Failure(grpc.StatusCode.ABORTED)],
    ],
)
def test_takes_up_a_stream_that_something_on_the_way_has_ended(ask, server, end):
    server.answer("WatchJob", [started(1), *end], [completed(2)])
    assert ask(lambda client: client.generate(**GENERATE)).outputs == []


def test_an_error_of_the_server_itself_is_not_taken_for_a_loss(ask, server):
    server.answer("WatchJob", [Failure(grpc.StatusCode.INTERNAL, "a fault", reason="BUG")])
    with pytest.raises(latentd.Internal, match="a fault") as caught:
        ask(lambda client: client.generate(**GENERATE))
    assert caught.value.job == JOB
    assert str(caught.value) == f"{JOB}: a fault"
    assert not server.requests["CancelJob"]


@pytest.mark.parametrize("alive", [[], [HEARTBEAT]])
def test_a_silent_stream_is_taken_up_again(kind, server, clock, alive):
    server.answer("WatchJob", [started(1), *alive, server.wait_forever], [completed(2)])
    options = latentd.ClientOptions(silence_limit=0.05, clock=clock)
    ask = kind(server.address, options=options)
    why = []
    ask(lambda client: client.generate(**GENERATE, on_retry=lambda error, _: why.append(str(error))))
    assert set(why) == {"nothing came for 0.05 s"}  # once or, on a busy machine, again


def test_gives_up_a_server_that_stays_away_and_leaves_the_job(ask, server, clock):
    server.answer("WatchJob", [started(1), LOST], [LOST])
    with pytest.raises(latentd.Unavailable, match="lost") as caught:
        ask(lambda client: client.generate(**GENERATE))
    assert caught.value.job == JOB
    assert 110 <= sum(clock.pauses) <= 120
    assert not server.requests["CancelJob"]


def test_the_same_request_is_sent_again_after_a_busy_answer(ask, server, clock):
    busy = Failure(grpc.StatusCode.UNAVAILABLE, "full", reason="QUEUE_FULL", retry_delay=3)
    pushed = Failure(grpc.StatusCode.RESOURCE_EXHAUSTED, "full", trailers=[("grpc-retry-pushback-ms", "2000")])
    server.answer("CreateJob", busy, pushed, LOST, v1.Job(name=JOB))
    server.answer("WatchJob", [completed(1)])
    ask(lambda client: client.generate(**GENERATE))
    assert 3 <= clock.pauses[0] <= 3.6
    assert 2 <= clock.pauses[1] <= 2.4
    assert 0.1 <= clock.pauses[2] <= 0.2
    assert len({request.request_id for request in server.requests["CreateJob"]}) == 1
    assert len(server.requests["CreateJob"]) == 4


def test_a_pushback_without_a_number_forbids_to_try_again(ask, server):
    server.answer("CreateJob", Failure(grpc.StatusCode.UNAVAILABLE, trailers=[("grpc-retry-pushback-ms", "never")]))
    with pytest.raises(latentd.Unavailable):
        ask(lambda client: client.generate(**GENERATE))
    assert len(server.requests["CreateJob"]) == 1


@pytest.mark.parametrize(
    ("events", "what"),
    [
        ([output(1, b"good"), chunk(2, b"evil")], "its SHA-256 is not the announced one"),
        ([chunk(1, b"good")], "its bytes came before its announcement"),
        ([output(1, b"good"), chunk(2, b"od", offset=2)], "a chunk begins at byte 2 instead of 0"),
        ([output(1, b"good"), chunk(2, b"good!")], "more bytes than announced"),
        ([output(1, b"good"), output(2, b"good")], "it was announced twice"),
        ([output(1, b"good"), chunk(2, b"go")], "2 of 4 bytes came"),
    ],
)
def test_damage_is_told_and_the_job_left_alone(ask, server, events, what):
    server.answer("WatchJob", [*events, completed(9)])
    with pytest.raises(latentd.DataLoss, match=what) as caught:
        ask(lambda client: client.generate(**GENERATE))
    assert caught.value.job == JOB
    assert not server.requests["CancelJob"]


def test_outputs_without_bytes_say_why(ask, server):
    withheld = output(1, b"", index=1, state=v1.Output.STATE_WITHHELD, flagged=True)
    broken = output(2, b"", index=0, state=v1.Output.STATE_FAILED)
    broken.output.error.code = 13
    broken.output.error.message = "the numbers overflowed"
    server.answer("WatchJob", [withheld, broken, completed(3)])
    result = ask(lambda client: client.generate(**GENERATE))
    assert [o.index for o in result.outputs] == [0, 1]
    assert isinstance(result.outputs[0].error, latentd.Internal)
    assert result.outputs[1].withheld
    assert result.outputs[1].flagged
    assert result.outputs[1].error is None
    assert result.images == []
    with pytest.raises(ValueError, match="output 1 is no image"):
        result.outputs[1].image()


def test_a_failed_job_is_an_error_with_its_name(ask, server):
    server.answer("WatchJob", [started(1), failed(2, grpc.StatusCode.FAILED_PRECONDITION, "a wrong layer")])
    with pytest.raises(latentd.JobFailed) as caught:
        ask(lambda client: client.generate(**GENERATE))
    assert caught.value.code == grpc.StatusCode.FAILED_PRECONDITION
    assert caught.value.reason == "MODEL_BROKEN"
    assert str(caught.value) == f"{JOB}: a wrong layer"


def test_a_cancelled_job_is_an_error_with_its_name(ask, server):
    server.answer("WatchJob", [cancelled(1, "DRAINED")])
    with pytest.raises(latentd.JobCancelled, match="was cancelled") as caught:
        ask(lambda client: client.generate(**GENERATE))
    assert (caught.value.job, caught.value.reason) == (JOB, "DRAINED")
    assert caught.value.code == grpc.StatusCode.CANCELLED


def test_events_of_a_newer_server_are_passed_over(ask, server):
    server.answer("WatchJob", [started(1), event(2), completed(3)])
    assert [e.sequence for e in ask(lambda client: client.stream(**GENERATE))] == [1, 3]


def test_metadata_goes_with_every_call(kind, server, options):
    server.answer("WatchJob", [completed(1)])
    ask = kind(server.address, options=options, metadata=[("authorization", "Bearer key")])
    ask(lambda client: client.generate(**GENERATE))
    assert [metadata["authorization"] for metadata in server.metadata] == ["Bearer key"] * 2


def test_callbacks_are_told_in_order(ask, server, png):
    server.answer("WatchJob", [started(1), progress(2, 1), progress(3, 2), output(4, png), chunk(5, png), completed(6)])
    steps, names = [], []
    ask(
        lambda client: client.generate(
            **GENERATE,
            on_progress=lambda event: steps.append(event.step),
            on_event=lambda event: names.append(type(event).__name__),
        )
    )
    assert steps == [1, 2]
    assert names == ["Started", "Progress", "Progress", "OutputReady", "Completed"]
