"""What a node shows while its job goes on, and how it is stopped."""

from __future__ import annotations

import asyncio
import io
from datetime import datetime, timedelta, timezone

import latentd
import pytest
from latentd import v1
from latentd_comfyui import session
from PIL import Image

BASE = {"job": "jobs/1", "sequence": 1, "time": datetime(2026, 1, 1, tzinfo=timezone.utc)}


def progress(index, step, preview=None, eta=None):
    return latentd.Progress(**BASE, output_index=index, step=step, total_steps=4, eta=eta, preview=preview)


def completed(*outputs):
    result = latentd.Result("jobs/1", [latentd.Output(each, b"") for each in outputs], v1.Usage(), [])
    return latentd.Completed(**BASE, result=result)


OK = v1.Output(state="STATE_OK", seed=7)


class Client:
    """Its stream gives these events, or waits where there is None; it takes a while to be stopped, as telling a server
    does."""

    def __init__(self, *events):
        self._events = events
        self.waiting = asyncio.Event()
        self.stopped = False

    async def stream(self, *, on_retry, **fields):
        try:
            for event in self._events:
                if event is None:
                    self.waiting.set()
                    await asyncio.Event().wait()
                elif isinstance(event, Exception):
                    on_retry(event, 1.0)
                else:
                    yield event
        except BaseException:
            await asyncio.sleep(0.05)
            self.stopped = True
            raise


class Display:
    def __init__(self):
        self.texts, self.steps, self.previews = [], [], []

    def text(self, text):
        self.texts.append(text)

    def progress(self, done, total, preview):
        self.steps.append((done, total))
        self.previews.append(preview)


class Interrupted(BaseException):
    pass


def no_interrupt():
    pass


def show(*events, num_images=1):
    display = Display()
    result = asyncio.run(session.generate(Client(*events), {"num_images": num_images}, display, no_interrupt))
    return display, result


def test_the_place_in_the_queue_is_told():
    waiting = latentd.Queued(**BASE, position=3, eta=timedelta(seconds=12.4))
    display, _ = show(waiting, latentd.Queued(**BASE, position=0, eta=None), completed(OK))
    assert display.texts == ["In the queue: 3 before it, about 12 s", "In the queue: next", "Seed 7"]


def test_steps_count_over_all_pictures():
    display, _ = show(progress(0, 1), progress(1, 1), progress(0, 4), progress(1, 4), completed(OK, OK), num_images=2)
    assert display.steps == [(1, 8), (2, 8), (5, 8), (8, 8)]
    assert display.texts[0] == "Step 1 of 8"


def test_previews_are_shown():
    file = io.BytesIO()
    Image.new("RGB", (3, 2), "red").save(file, "JPEG")
    preview = v1.Preview(image=v1.EncodedImage(data=file.getvalue()))
    display, _ = show(progress(0, 1, preview), progress(0, 2), completed(OK))
    assert display.previews[0].size == (3, 2)
    assert display.previews[1] is None


def test_warnings_and_lost_connections_are_told():
    started = latentd.Started(**BASE, seed=7, warnings=[v1.Warning(message="the prompt was cut")])
    display, _ = show(started, latentd.Unavailable("gone"), completed(OK))
    assert display.texts[:2] == ["Starting\nthe prompt was cut", "gone; trying again"]


def test_pictures_that_are_missing_are_told():
    display, result = show(completed(v1.Output(state="STATE_WITHHELD"), v1.Output(index=1, state="STATE_OK", seed=8)))
    assert display.texts[-1].splitlines() == [
        "Seed 8",
        "1 of 2 pictures were made",
        "Picture 0: withheld by the server's safety policy",
    ]
    assert len(result.outputs) == 2


def test_an_interrupt_stops_the_job():
    async def run():
        client = Client(progress(0, 1), None)

        def check():
            if client.waiting.is_set():
                raise Interrupted

        with pytest.raises(Interrupted):
            await session.generate(client, {"num_images": 1}, Display(), check)
        return client.stopped

    assert asyncio.run(run())


def test_an_interrupt_told_by_the_display_stops_the_job():
    class Interrupting(Display):
        def progress(self, done, total, preview):
            raise Interrupted

    async def run():
        client = Client(progress(0, 1), None)
        with pytest.raises(Interrupted):
            await session.generate(client, {"num_images": 1}, Interrupting(), no_interrupt)
        return client.stopped

    assert asyncio.run(run())


def test_the_end_of_the_event_loop_stops_the_job():
    client = Client(None)

    async def run():
        left = asyncio.create_task(session.generate(client, {"num_images": 1}, Display(), no_interrupt))
        await client.waiting.wait()
        assert not left.done()

    asyncio.run(run())
    assert client.stopped


def test_errors_come_through():
    class Refusing(Client):
        async def stream(self, *, on_retry, **fields):
            raise latentd.InvalidArgument("no")
            yield

    with pytest.raises(latentd.InvalidArgument):
        asyncio.run(session.generate(Refusing(), {"num_images": 1}, Display(), no_interrupt))
