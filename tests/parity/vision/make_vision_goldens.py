#!/usr/bin/env python3
"""Writes tests/golden/vision: CLIP's vision encoder, the safety checker, the projections of IP-Adapters, and what
CLIPImageProcessor makes of pictures.

Weights of the first two are made by formula on both sides (see ../networks/make_goldens.py). Deterministic:

    python tests/parity/vision/make_vision_goldens.py
"""

import json
import pathlib
import sys

import numpy
import torch
from diffusers import UNet2DConditionModel
from diffusers.pipelines.stable_diffusion import StableDiffusionSafetyChecker
from PIL import Image
from safetensors.torch import save_file
from transformers import CLIPConfig, CLIPImageProcessor, CLIPVisionConfig, CLIPVisionModelWithProjection

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "networks"))
from make_goldens import fill_parameters, make_input, uniform  # noqa: E402

GOLDEN = pathlib.Path(__file__).resolve().parents[2] / "golden/vision"

ENCODERS = {
    "openai": dict(hidden_act="quick_gelu", hidden_size=24, intermediate_size=48, num_hidden_layers=3, num_attention_heads=3,
                   projection_dim=20, image_size=28, patch_size=7),
    # A patch that does not divide the picture: the rest is not seen.
    "open_clip": dict(hidden_act="gelu", hidden_size=32, intermediate_size=64, num_hidden_layers=4, num_attention_heads=2,
                      projection_dim=12, image_size=30, patch_size=8, layer_norm_eps=1e-3),
}
TOKENS, FEATURES = 5, 24  # of the resampler and of the text


def write(name, config, tensors):
    GOLDEN.mkdir(parents=True, exist_ok=True)
    save_file({k: v.contiguous() for k, v in tensors.items()}, GOLDEN / f"{name}.safetensors", {"config": json.dumps(config)})
    print(f"{name}: {(GOLDEN / f'{name}.safetensors').stat().st_size / 1000:.0f} kB")


def make_encoder(name, settings):
    config = CLIPVisionConfig(**settings)
    model = CLIPVisionModelWithProjection(config).eval()
    fill_parameters(model)
    pixels = make_input("pixels", 3, 3, config.image_size, config.image_size)
    out = model(pixels, output_hidden_states=True)
    write(f"encoder_{name}", config.to_diff_dict(), {"embeds": out.image_embeds, "penultimate": out.hidden_states[-2]})


def make_checker():
    """Thresholds near what the pictures have, so that about half of them are flagged, some by the adjustment alone."""
    vision = CLIPVisionConfig(**ENCODERS["openai"])
    config = CLIPConfig(vision_config=vision.to_diff_dict(), projection_dim=16)
    model = StableDiffusionSafetyChecker(config).eval()
    fill_parameters(model)
    count = 64
    pixels = torch.cat([make_input(f"pixels{i}", 1, 3, 28, 28) * (1 + i % 7) for i in range(count)])
    embeds = torch.nn.functional.normalize(model.visual_projection(model.vision_model(pixels)[1]))
    cosines = embeds @ torch.nn.functional.normalize(model.concept_embeds).T
    special = embeds @ torch.nn.functional.normalize(model.special_care_embeds).T
    model.concept_embeds_weights.data = cosines.quantile(0.97, dim=0) + 0.004
    model.special_care_embeds_weights.data = special.quantile(0.7, dim=0)
    flags = []
    for i in range(0, count, 8):
        flags += model(pixels[i:i + 8], [numpy.zeros(1) for _ in range(8)])[1]
    thresholds = model.special_care_embeds_weights.data.clone()
    model.special_care_embeds_weights.data = torch.full((3,), 2.0)
    unadjusted = model(pixels, [numpy.zeros(1) for _ in range(count)])[1]
    print(f"{sum(flags)} of {count} flagged, {sum(unadjusted)} of them without the adjustment")
    write("checker", config.to_diff_dict(),
          {"concept_embeds_weights": model.concept_embeds_weights.data, "special_care_embeds_weights": thresholds,
           "flags": torch.tensor(flags), "unadjusted": torch.tensor(unadjusted)})


def linear(name, *shape):
    return torch.from_numpy((2 / shape[-1] ** 0.5 * uniform(name, int(numpy.prod(shape)))).astype("float32")).view(shape)


def norm(name, count):
    return {f"{name}.weight": 1 + 0.3 * linear(f"{name}.weight", count), f"{name}.bias": linear(f"{name}.bias", count)}


def projections():
    """The tensors of each kind, as the authors' files name them: [P] = 20, [F] = 24."""
    yield "base", {"proj.weight": linear("proj", 4 * FEATURES, 20), "proj.bias": linear("bias", 4 * FEATURES)} | norm("norm", FEATURES)
    yield "full_face", {"proj.0.weight": linear("proj.0", 24, 24), "proj.0.bias": linear("bias.0", 24),
                        "proj.2.weight": linear("proj.2", FEATURES, 24), "proj.2.bias": linear("bias.2", FEATURES)} | norm("proj.3", FEATURES)
    hidden, inner = 16, 128
    plus = {"latents": linear("latents", 1, TOKENS, hidden), "proj_in.weight": linear("proj_in", hidden, 24), "proj_in.bias": linear("in", hidden),
            "proj_out.weight": linear("proj_out", FEATURES, hidden), "proj_out.bias": linear("out", FEATURES)} | norm("norm_out", FEATURES)
    for i in range(4):
        at = f"layers.{i}"
        plus |= norm(f"{at}.0.norm1", hidden) | norm(f"{at}.0.norm2", hidden) | norm(f"{at}.1.0", hidden)
        plus |= {f"{at}.0.to_q.weight": linear(f"{at}q", inner, hidden), f"{at}.0.to_kv.weight": linear(f"{at}kv", 2 * inner, hidden),
                 f"{at}.0.to_out.weight": linear(f"{at}o", hidden, inner), f"{at}.1.1.weight": linear(f"{at}f", 4 * hidden, hidden),
                 f"{at}.1.3.weight": linear(f"{at}g", hidden, 4 * hidden)}
    yield "plus", plus


def make_projections():
    unet = UNet2DConditionModel(block_out_channels=(8, 8), norm_num_groups=8, down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
                                up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"), cross_attention_dim=FEATURES)
    for name, tensors in projections():
        network = unet._convert_ip_adapter_image_proj_to_diffusers(dict(tensors), low_cpu_mem_usage=False).eval()
        seen = make_input("seen", 3, 20) if name == "base" else make_input("seen", 3, 17, 24)
        write(f"projection_{name}", {}, {f"image_proj.{key}": value for key, value in tensors.items()} | {"seen": seen, "out": network(seen)})


def make_pixels():
    """Wide, tall, small and square pictures at the sizes that processors ask for."""
    tensors = {}
    for i, (width, height, shortest, crop) in enumerate([(97, 61, 28, 28), (23, 83, 30, 30), (12, 17, 28, 20), (40, 40, 40, 24), (301, 64, 33, 28)]):
        picture = (127.5 + 127.5 * uniform(f"picture{i}", 3 * width * height)).round().clip(0, 255).astype("uint8").reshape(height, width, 3)
        processor = CLIPImageProcessor(size={"shortest_edge": shortest}, crop_size={"height": crop, "width": crop}, resample=[3, 3, 1, 3, 2][i])
        tensors[f"picture{i}"] = torch.from_numpy(picture)
        tensors[f"numbers{i}"] = torch.tensor([shortest, crop, processor.resample])
        tensors[f"pixels{i}"] = processor(Image.fromarray(picture), return_tensors="pt").pixel_values[0]
    write("pixels", {}, tensors)


if __name__ == "__main__":
    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    for each, values in ENCODERS.items():
        make_encoder(each, values)
    make_checker()
    make_projections()
    make_pixels()
