"""What there is to choose from."""

from __future__ import annotations

import pytest
from latentd import v1
from latentd_comfyui.choices import KINDS, choices


class Client:
    def list_models(self, *, timeout):
        sd, xl = v1.Model(name="models/sd"), v1.Model(name="models/xl")
        sd.samplers.add(name="ddim")
        sd.samplers.add(name="euler")
        xl.samplers.add(name="euler")
        xl.samplers.add(name="lcm")
        broken = v1.Model(name="models/broken", state="STATE_BROKEN")
        broken.samplers.add(name="never")
        return [sd, broken, xl]

    def list_adapters(self, *, timeout):
        kinds = v1.Adapter.DESCRIPTOR.enum_types_by_name["Kind"].values_by_name
        return [v1.Adapter(name=f"adapters/{kind}", kind=kind) for kind in kinds]


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("models", ["sd", "xl"]),
        ("samplers", ["model's own", "ddim", "euler", "lcm"]),
        ("loras", ["KIND_LORA"]),
        ("controlnets", ["KIND_CONTROLNET"]),
        ("motions", ["KIND_MOTION"]),
        ("image_prompts", ["KIND_IMAGE_PROMPT"]),
    ],
)
def test_names_of_each_kind(kind, names):
    assert kind in KINDS
    assert choices(Client(), kind, timeout=1) == names
