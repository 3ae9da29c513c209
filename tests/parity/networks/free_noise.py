"""diffusers' FreeNoise, and a slip of it put right.

Where the last window of a clip does not begin a stride after the one before it, FreeNoiseTransformerBlock (diffusers 0.42.1) divides all
frames that only this window gives by the weight of the first of them: a colon is missing in `weights[:, -last_frame_batch_length]`. The
clip's last frames fade. latentd divides each by its own weight.
"""

import inspect
import textwrap

import torch
from diffusers.models import attention
from diffusers.pipelines.free_noise_utils import AnimateDiffFreeNoiseMixin

SLIP = "weights[:, -last_frame_batch_length]\n"


def put_right():
    """Changes the class for this process."""
    source = textwrap.dedent(inspect.getsource(attention.FreeNoiseTransformerBlock.forward))
    assert source.count(SLIP) == 1
    names = {}
    exec(source.replace(SLIP, SLIP.replace("]", ":]")), vars(attention), names)  # noqa: S102
    attention.FreeNoiseTransformerBlock.forward = names["forward"]


class Windows(AnimateDiffFreeNoiseMixin):
    """FreeNoise for a U-Net outside of a pipeline."""

    device, dtype, vae_scale_factor = torch.device("cpu"), torch.float32, 1

    def __init__(self, unet, adapter, **options):
        self.unet, self.motion_adapter = unet, adapter
        self.enable_free_noise(**options)
