"""Callers who leave: their jobs are cancelled, those they only watch go on."""

from __future__ import annotations

import asyncio
import signal
import threading
from contextlib import aclosing, closing

import grpc._channel
import latentd
import pytest
from latentd import v1

from fake_server import JOB, LOST, Failure, completed, progress, started

GENERATE = {"model": "m", "prompt": "a red apple"}


@pytest.fixture(autouse=True)
def _ctrl_c_interrupts():
    """Programs in the background of a script inherit that it is ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def interrupt(*_):
    """Ctrl-C, on the thread that runs the test."""
    signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)


def names(server, method):
    return [request.name for request in server.requests[method]]


def test_leaving_the_loop_cancels_the_job(server, options):
    server.answer("WatchJob", [started(1), progress(2, 1), server.wait_forever])
    with latentd.Client(server.address, options=options) as client:
        for event in client.stream(**GENERATE):
            if isinstance(event, latentd.Progress):
                break
    assert names(server, "CancelJob") == [JOB]


def test_leaving_an_asynchronous_loop_cancels_the_job(server, options):
    server.answer("WatchJob", [started(1), progress(2, 1), server.wait_forever])

    async def run():
        async with latentd.AsyncClient(server.address, options=options) as client:
            async with aclosing(client.stream(**GENERATE)) as events:
                async for event in events:
                    if isinstance(event, latentd.Progress):
                        break
            assert names(server, "CancelJob") == [JOB]

    asyncio.run(run())


def test_a_loop_that_is_left_without_closing_cancels_the_job_before_the_client_is_gone(server, options):
    server.answer("WatchJob", [started(1), server.wait_forever])

    async def run():
        async with latentd.AsyncClient(server.address, options=options) as client:
            async for _ in client.stream(**GENERATE):
                break

    asyncio.run(run())
    assert names(server, "CancelJob") == [JOB]


def test_closing_the_client_ends_iterators_that_are_kept(server, options):
    server.answer("WatchJob", [started(1), server.wait_forever])
    with latentd.Client(server.address, options=options) as client:
        events = client.stream(**GENERATE)
        next(events)
    assert names(server, "CancelJob") == [JOB]
    assert list(events) == []

    async def run():
        async with latentd.AsyncClient(server.address, options=options) as client:
            events = client.stream(**GENERATE)
            await anext(events)
        assert [event async for event in events] == []

    asyncio.run(run())
    assert names(server, "CancelJob") == [JOB, JOB]


def test_leaving_at_the_result_cancels_nothing(server, options):
    server.answer("WatchJob", [started(1), completed(2)])
    with latentd.Client(server.address, options=options) as client:
        for event in client.stream(**GENERATE):
            if isinstance(event, latentd.Completed):
                break
    assert not server.requests["CancelJob"]


def test_leaving_a_watch_leaves_the_job_alone(server, options):
    server.answer("WatchJob", [started(1), server.wait_forever])
    with latentd.Client(server.address, options=options) as client, closing(client.watch(JOB)) as events:
        assert isinstance(next(events), latentd.Started)
    assert not server.requests["CancelJob"]


def test_no_job_is_made_before_the_first_event_is_asked_for(server, options):
    with latentd.Client(server.address, options=options) as client:
        client.stream(**GENERATE).close()
    assert not server.requests["CreateJob"]


def test_a_callback_that_raises_cancels_the_job(ask, server):
    server.answer("WatchJob", [started(1), server.wait_forever])

    def refuse(_):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        ask(lambda client: client.generate(**GENERATE, on_event=refuse))
    assert names(server, "CancelJob") == [JOB]


def test_ctrl_c_cancels_the_job(ask, server):
    server.answer("WatchJob", [started(1), interrupt, server.wait_forever])
    with pytest.raises(KeyboardInterrupt):
        ask(lambda client: client.generate(**GENERATE))
    assert names(server, "CancelJob") == [JOB]


def test_ctrl_c_while_grpc_opens_the_stream_cancels_the_job(server, options, monkeypatch):
    begin = grpc._channel._run_channel_spin_thread

    def begin_after_ctrl_c(*arguments):
        interrupt()
        begin(*arguments)

    monkeypatch.setattr("grpc._channel._run_channel_spin_thread", begin_after_ctrl_c)
    server.answer("WatchJob", [started(1), server.wait_forever])
    with latentd.Client(server.address, options=options) as client, pytest.raises(KeyboardInterrupt):
        client.generate(**GENERATE)
    assert names(server, "CancelJob") == [JOB]


def test_ctrl_c_cancels_a_job_whose_name_has_not_come(server, options):
    gone = threading.Event()

    def slow(_):
        interrupt()
        gone.wait(10)
        return v1.Job(name=JOB)

    server.answer("CreateJob", slow, v1.Job(name=JOB))
    with latentd.Client(server.address, options=options) as client, pytest.raises(KeyboardInterrupt):
        client.generate(**GENERATE)
    gone.set()
    first, second = server.requests["CreateJob"]
    assert first.request_id == second.request_id
    assert names(server, "CancelJob") == [JOB]


def test_ctrl_c_while_the_server_is_away_leaves_at_once(server, clock, options):
    server.answer("CreateJob", LOST)
    clock.sleep = lambda _: interrupt() or threading.Event().wait(10)
    with latentd.Client(server.address, options=options) as client, pytest.raises(KeyboardInterrupt):
        client.generate(**GENERATE)
    assert not server.requests["CancelJob"]


def test_cancelling_the_task_cancels_the_job(server, options):
    server.answer("WatchJob", [started(1), server.wait_forever])

    async def run():
        async with latentd.AsyncClient(server.address, options=options) as client:
            begun = asyncio.Event()
            task = asyncio.create_task(client.generate(**GENERATE, on_event=lambda _: begun.set()))
            await begun.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(run())
    assert names(server, "CancelJob") == [JOB]


def test_callbacks_may_be_coroutines(server, options):
    server.answer("WatchJob", [started(1), progress(2, 1), LOST], [completed(3)])
    told = []

    async def note(*what):
        await asyncio.sleep(0)
        told.append(type(what[0]).__name__)

    async def run():
        async with latentd.AsyncClient(server.address, options=options) as client:
            await client.generate(**GENERATE, on_event=note, on_progress=note, on_retry=note)

    asyncio.run(run())
    assert told == ["Started", "Progress", "Progress", "Unavailable", "Completed"]


@pytest.fixture
def pass_time(clock):
    """A callback, or an answer of the server, that takes half a minute."""

    def pass_time(_):
        clock.time += 30
        return v1.Job(name=JOB)

    return pass_time


def test_the_timeout_cancels_the_job(ask, server, pass_time):
    server.answer("WatchJob", [started(1), server.wait_forever])
    server.answer("CancelJob", pass_time)
    with pytest.raises(latentd.DeadlineExceeded, match=f"{JOB} was not finished in time"):
        ask(lambda client: client.generate(**GENERATE, timeout=20, on_event=pass_time))
    assert names(server, "CancelJob") == [JOB]


def test_a_job_that_is_quicker_than_its_cancel_gives_its_result(ask, server, pass_time):
    ended = threading.Event()
    server.answer("CancelJob", lambda _: ended.set() or v1.Job(name=JOB))
    server.answer("WatchJob", [started(1), lambda _: ended.wait(10), completed(3)])

    def on_event(event):
        if isinstance(event, latentd.Started):
            pass_time(event)

    assert ask(lambda client: client.generate(**GENERATE, timeout=20, on_event=on_event)).job == JOB


def test_a_cancel_that_fails_is_told(ask, server, pass_time):
    server.answer("WatchJob", [started(1), server.wait_forever])
    server.answer("CancelJob", Failure(grpc.StatusCode.PERMISSION_DENIED, "not yours"))
    with pytest.raises(latentd.DeadlineExceeded, match="may go on: cancelling it failed: not yours"):
        ask(lambda client: client.generate(**GENERATE, timeout=20, on_event=pass_time))


def test_a_watch_that_is_late_leaves_the_job_alone(ask, server, pass_time):
    server.answer("WatchJob", [started(1), server.wait_forever])
    with pytest.raises(latentd.DeadlineExceeded):
        ask(lambda client: client.wait(JOB, timeout=20, on_event=pass_time))
    assert not server.requests["CancelJob"]
