"""What a job made."""

from __future__ import annotations

import io
from dataclasses import dataclass, field

from PIL import Image

from latentd import errors, v1


@dataclass(frozen=True)
class Output:
    """One finished picture or clip: what the server says of it, and its bytes, whose size and SHA-256 were checked."""

    #: Everything that the server says of it: kind, size in pixels, SHA-256, frames of a clip …
    info: v1.Output
    #: The file; empty unless `ok`.
    data: bytes = field(repr=False)

    @property
    def index(self) -> int:
        """From 0; where the frames of clips are outputs of their own, frame f of clip i, of F each, is i * F + f."""
        return self.info.index

    @property
    def seed(self) -> int:
        """With `num_images=1` it gives this output again."""
        return self.info.seed

    @property
    def media_type(self) -> str:
        """Such as "image/png"."""
        return self.info.media_type

    @property
    def ok(self) -> bool:
        """It was made, and is here."""
        return self.info.state == v1.Output.STATE_OK

    @property
    def withheld(self) -> bool:
        """It was made, but held back by the server's safety policy: there are no bytes."""
        return self.info.state == v1.Output.STATE_WITHHELD

    @property
    def flagged(self) -> bool:
        """The model's safety checker takes it for one that is not to be shown."""
        return self.info.flagged

    @property
    def error(self) -> errors.Error | None:
        """Why it was not made; None when it was."""
        return errors.from_status(self.info.error) if self.info.state == v1.Output.STATE_FAILED else None

    @property
    def is_image(self) -> bool:
        """Pillow opens it: a picture, or a clip as an animated picture; not an MP4 file, nor a latent."""
        return self.ok and self.info.media_type.startswith("image/")

    def image(self) -> Image.Image:
        """The picture, opened anew at each call; of an animated one `seek` gives the frames. Errors: ValueError for
        an output that is no image (see `is_image`)."""
        if not self.is_image:
            raise ValueError(f"output {self.index} is no image ({self.media_type or 'it has no bytes'})")
        return Image.open(io.BytesIO(self.data))


@dataclass(frozen=True)
class Result:
    """A completed job. Completed does not mean that every output was made: see `Output.ok`."""

    #: "jobs/<uuid>".
    job: str
    #: By rising index.
    outputs: list[Output]
    #: What the job took.
    usage: v1.Usage
    #: What the caller should know although the job went on: a prompt that was cut, say.
    warnings: list[v1.Warning]

    @property
    def images(self) -> list[Image.Image]:
        """The outputs that are images, opened anew at each call."""
        return [output.image() for output in self.outputs if output.is_image]


@dataclass(frozen=True)
class OutputFile:
    """A file as the server keeps it."""

    media_type: str
    data: bytes = field(repr=False)
