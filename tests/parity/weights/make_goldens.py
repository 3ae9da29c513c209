"""Makes tests/golden/weights/original: what diffusers makes of every tensor of full-size checkpoints in the original layout.

    python tests/parity/weights/make_goldens.py

Needs the environment of tests/parity/requirements.txt. No weights: networks are made without memory, and every tensor of the checkpoint is
one number, its own, spread over its shape; so diffusers' conversion shows which came from which. `<system>.tsv` has a line for each tensor:
name, shape, component, then the name and the shape of each tensor that it becomes ("=": the same shape). `configs.json` has the
configurations that the networks were made with.
"""

import json
import os

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from diffusers.loaders import single_file_utils as reference
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

import original_layout

HERE = os.path.dirname(os.path.abspath(__file__))
GOLDEN = os.path.normpath(f"{HERE}/../../golden/weights/original")
CROSS, PLAIN = ("CrossAttnDownBlock2D", "CrossAttnUpBlock2D"), ("DownBlock2D", "UpBlock2D")

# As the published checkpoints have it.
CLIP_L = dict(vocab_size=49408, hidden_size=768, intermediate_size=3072, num_hidden_layers=12, num_attention_heads=12, max_position_embeddings=77,
              hidden_act="quick_gelu")
CLIP_H = dict(CLIP_L, hidden_size=1024, intermediate_size=4096, num_hidden_layers=23, num_attention_heads=16, hidden_act="gelu")
CLIP_G = dict(CLIP_L, hidden_size=1280, intermediate_size=5120, num_hidden_layers=32, num_attention_heads=20, hidden_act="gelu",
              projection_dim=1280)


def unet_config(channels, attends, depth, heads, context, **others):
    return dict(in_channels=4, out_channels=4, block_out_channels=channels, layers_per_block=[2] * len(channels),
                down_block_types=[(CROSS if a else PLAIN)[0] for a in attends],
                up_block_types=[(CROSS if a else PLAIN)[1] for a in reversed(attends)], transformer_layers_per_block=depth,
                attention_head_dim=heads, cross_attention_dim=context, **others)


def vae_config(sample_size, scaling_factor=0.18215):
    return dict(in_channels=3, out_channels=3, latent_channels=4, block_out_channels=[128, 256, 512, 512], layers_per_block=2,
                down_block_types=["DownEncoderBlock2D"] * 4, up_block_types=["UpDecoderBlock2D"] * 4, sample_size=sample_size,
                scaling_factor=scaling_factor)


XL = dict(use_linear_projection=True, addition_embed_type="text_time", addition_time_embed_dim=256)
SYSTEMS = {
    "stable-diffusion-1": dict(
        unet=unet_config([320, 640, 1280, 1280], [1, 1, 1, 0], [1] * 4, [8] * 4, 768, use_linear_projection=False, sample_size=64),
        vae=vae_config(512), text_encoder=CLIP_L),
    "stable-diffusion-2": dict(
        unet=unet_config([320, 640, 1280, 1280], [1, 1, 1, 0], [1] * 4, [5, 10, 20, 20], 1024, use_linear_projection=True, sample_size=96),
        vae=vae_config(768), text_encoder=CLIP_H),
    "stable-diffusion-xl": dict(
        unet=unet_config([320, 640, 1280], [0, 1, 1], [1, 2, 10], [5, 10, 20], 2048, sample_size=128,
                         projection_class_embeddings_input_dim=2816, **XL),
        vae=vae_config(1024, 0.13025), text_encoder=CLIP_L, text_encoder_2=CLIP_G),
    # The published file says a depth of 4 for every level; the finest has no attention.
    "stable-diffusion-xl-refiner": dict(
        unet=unet_config([384, 768, 1536, 1536], [0, 1, 1, 0], [1, 4, 4, 4], [6, 12, 24, 24], 1280, sample_size=128,
                         projection_class_embeddings_input_dim=2560, **XL),
        vae=vae_config(1024, 0.13025), text_encoder_2=CLIP_G),
}
PREFIXES = {  # of text encoders, and whether it is OpenCLIP's
    ("stable-diffusion-1", "text_encoder"): ("cond_stage_model.transformer.", False),
    ("stable-diffusion-2", "text_encoder"): ("cond_stage_model.model.", True),
    ("stable-diffusion-xl", "text_encoder"): ("conditioner.embedders.0.transformer.", False),
    ("stable-diffusion-xl", "text_encoder_2"): ("conditioner.embedders.1.model.", True),
    ("stable-diffusion-xl-refiner", "text_encoder_2"): ("conditioner.embedders.0.model.", True),
}


def network(part, config):
    with torch.device("meta"):
        if part == "unet":
            # One number where all levels agree: from_single_file's own conversion wants it so.
            return UNet2DConditionModel(**dict(config, layers_per_block=2))
        if part == "vae":
            return AutoencoderKL(**config)
        kind = CLIPTextModelWithProjection if part == "text_encoder_2" else CLIPTextModel
        return kind(CLIPTextConfig(**config))


def write(part, config, system):
    """(prefix, original names and shapes)"""
    made = network(part, config)
    if part == "unet":
        return "model.diffusion_model.", original_layout.unet(made)
    if part == "vae":
        return "first_stage_model.", original_layout.vae(made)
    prefix, open_clip = PREFIXES[system, part]
    if not open_clip:
        tensors = original_layout.clip(made)
        return prefix, tensors | {"text_model.embeddings.position_ids": torch.empty(1, 77, device="meta")}
    if system != "stable-diffusion-2":
        return prefix, original_layout.open_clip(made) | {"logit_scale": torch.empty((), device="meta")}
    # The file has one more block, and the projection.
    whole = original_layout.open_clip(network(part, dict(config, num_hidden_layers=24)))
    return prefix, whole | {"text_projection": torch.empty(1024, 1024, device="meta"), "logit_scale": torch.empty((), device="meta")}


def read(part, config, system, checkpoint):
    """What diffusers makes of the checkpoint for one part; text encoders under the names of transformers 4."""
    made = network(part, config)
    if part == "unet":
        return made, reference.convert_ldm_unet_checkpoint(checkpoint, made.config)
    if part == "vae":
        return made, reference.convert_ldm_vae_checkpoint(checkpoint, made.config)
    prefix, open_clip = PREFIXES[system, part]
    converted = (reference.convert_open_clip_checkpoint(made, checkpoint, prefix=prefix) if open_clip
                 else reference.convert_ldm_clip_checkpoint(checkpoint))
    converted = {name: value for name, value in converted.items() if not name.endswith(("position_ids", "logit_scale"))}
    return made, converted


def expected_names(part, made):
    tensors = made.state_dict()
    return original_layout.clip(made) if part.startswith("text") else tensors


def shape_text(shape):
    return "x".join(map(str, shape))


def make(system, parts):
    checkpoint, home = {}, {}
    for part, config in parts.items():
        prefix, tensors = write(part, config, system)
        for name, value in tensors.items():
            home[prefix + name] = part
            checkpoint[prefix + name] = torch.tensor(len(checkpoint), dtype=torch.int16).expand(value.shape)
    names = list(checkpoint)
    becomes = {name: [] for name in names}
    for part, config in parts.items():
        made, converted = read(part, config, system, checkpoint)
        wanted = {name: tuple(value.shape) for name, value in expected_names(part, made).items()}
        assert wanted == {name: tuple(value.shape) for name, value in converted.items()}, (system, part)
        for name, value in converted.items():
            becomes[names[int(value.flatten()[0])]].append((name, tuple(value.shape)))
    with open(f"{GOLDEN}/{system}.tsv", "w", encoding="utf-8") as file:
        for name in names:
            shape = tuple(checkpoint[name].shape)
            fields = [name, shape_text(shape), home[name]]
            for new_name, new_shape in becomes[name]:
                fields += [new_name, "=" if new_shape == shape else shape_text(new_shape)]
            file.write("\t".join(fields) + "\n")
    print(f"{system}: {len(names)} tensors")


if __name__ == "__main__":
    os.makedirs(GOLDEN, exist_ok=True)
    for system, parts in SYSTEMS.items():
        make(system, parts)
    with open(f"{GOLDEN}/configs.json", "w", encoding="utf-8") as file:
        json.dump(SYSTEMS, file, indent=1)
