"""One job, from the request to its pictures, with what is shown meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import aclosing
from datetime import timedelta
from typing import Any, Protocol

import latentd
from PIL import Image

# ComfyUI tells an interrupt by a flag, for which nothing can wait.
_INTERRUPT_CHECK_SECONDS = 0.1


class Display(Protocol):
    """Where a job's course is shown: the node."""

    def text(self, text: str) -> None: ...

    def progress(self, done: int, total: int, preview: Image.Image | None) -> None: ...


async def generate(
    client: latentd.AsyncClient, fields: Mapping[str, Any], display: Display, check_interrupt: Callable[[], None]
) -> latentd.Result:
    """Makes a job and follows it to its end. What `check_interrupt` raises, and cancelling this task, cancels the job;
    by then the server has been told."""
    # The job is followed by this task itself: ComfyUI's executor ends by cancelling every task there is, and of two the
    # outer would cancel the inner once more, which then stops telling the server.
    this = asyncio.current_task()
    assert this is not None
    interrupt = asyncio.create_task(_interrupt(this, check_interrupt))
    try:
        result = await _follow(client, fields, display)
        interrupt.cancel()
        await asyncio.wait({interrupt})  # One that came at the last moment arrives here.
        return result
    except asyncio.CancelledError:
        if interrupt.done() and not interrupt.cancelled() and (why := interrupt.exception()):
            raise why from None
        raise
    finally:
        interrupt.cancel()


async def _interrupt(task: asyncio.Task[Any], check: Callable[[], None]) -> None:
    while True:
        await asyncio.sleep(_INTERRUPT_CHECK_SECONDS)
        try:
            check()
        except BaseException:
            task.cancel()
            raise


async def _follow(client: latentd.AsyncClient, fields: Mapping[str, Any], display: Display) -> latentd.Result:
    def trying_again(why: latentd.Error, seconds: float) -> None:
        display.text(f"{why.message}; trying again")

    steps = _Steps()
    async with aclosing(client.stream(on_retry=trying_again, **fields)) as events:
        async for event in events:
            if isinstance(event, latentd.Queued):
                display.text(_queue_text(event))
            elif isinstance(event, latentd.Started):
                display.text("\n".join(["Starting", *(warning.message for warning in event.warnings)]))
            elif isinstance(event, latentd.Requeued):
                display.text(f"Waiting again: {event.reason}")
            elif isinstance(event, latentd.Progress):
                done, total = steps.add(event, fields["num_images"])
                display.text(f"Step {done} of {total}{_eta_text(event.eta)}")
                display.progress(done, total, event.preview_image())
            elif isinstance(event, latentd.Completed):
                result = event.result
    display.text(_end_text(result))
    return result


class _Steps:
    """Steps over all pictures of the job."""

    def __init__(self) -> None:
        self._done: dict[int, int] = {}

    def add(self, event: latentd.Progress, outputs: int) -> tuple[int, int]:
        self._done[event.output_index] = event.step
        return sum(self._done.values()), event.total_steps * max(outputs, len(self._done))


def _queue_text(event: latentd.Queued) -> str:
    before = "next" if event.position == 0 else f"{event.position} before it"
    return f"In the queue: {before}{_eta_text(event.eta)}"


def _eta_text(eta: timedelta | None) -> str:
    return "" if eta is None else f", about {max(round(eta.total_seconds()), 1)} s"


def _end_text(result: latentd.Result) -> str:
    made = [output for output in result.outputs if output.ok]
    lines = [f"Seed {made[0].seed}"] if made else []
    if len(made) < len(result.outputs):
        lines.append(f"{len(made)} of {len(result.outputs)} pictures were made")
    lines += [f"Picture {each.index}: {why}" for each in result.outputs if (why := why_missing(each))]
    return "\n".join([*lines, *(warning.message for warning in result.warnings)])


def why_missing(output: latentd.Output) -> str:
    """Empty for an output that was made."""
    if output.withheld:
        return "withheld by the server's safety policy"
    return "" if output.error is None else str(output.error)
