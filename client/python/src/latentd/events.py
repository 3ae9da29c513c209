"""What happens to a job, as `stream` and `watch` tell it. A job that fails or is cancelled ends them with an error."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from PIL import Image

from latentd import v1
from latentd.results import Output, Result


@dataclass(frozen=True)
class BaseEvent:
    """What all events have."""

    #: "jobs/<uuid>".
    job: str
    #: Rises within a job; gaps are normal. `watch(job, after_sequence=…)` goes on after it.
    sequence: int
    #: By the server's clock, in UTC.
    time: datetime


@dataclass(frozen=True)
class Queued(BaseEvent):
    """The job waits; told again when its position changes."""

    #: Jobs before it: 0 is next.
    position: int
    #: Estimated time until it starts; None while there is nothing to estimate from.
    eta: timedelta | None


@dataclass(frozen=True)
class Started(BaseEvent):
    """The job goes to the device."""

    #: The seed of output 0.
    seed: int
    warnings: list[v1.Warning]


@dataclass(frozen=True)
class Requeued(BaseEvent):
    """The job waits again, and will go on after `resume_step`."""

    reason: str
    resume_step: int


@dataclass(frozen=True)
class Progress(BaseEvent):
    """Steps of one output are done. Slow readers get the newest of each output."""

    output_index: int
    #: Of `total_steps`.
    step: int
    total_steps: int
    #: Estimated time until this output is ready.
    eta: timedelta | None
    #: On the steps that `preview=…` asked for: an encoded image or a latent.
    preview: v1.Preview | None = field(repr=False)

    def preview_image(self) -> Image.Image | None:
        """The preview as a picture, opened anew at each call; None when there is none, or it is a latent."""
        if self.preview is None or not self.preview.HasField("image"):
            return None
        return Image.open(io.BytesIO(self.preview.image.data))


@dataclass(frozen=True)
class OutputReady(BaseEvent):
    """An output is whole and checked, or will never have bytes (withheld, failed)."""

    output: Output


@dataclass(frozen=True)
class Completed(BaseEvent):
    """The last event of a job that was completed."""

    result: Result


Event = Queued | Started | Requeued | Progress | OutputReady | Completed
