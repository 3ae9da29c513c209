"""Writes tests/golden/{unet,controlnet,unet_2d,vae,vq_model,autoencoder_tiny}/*.safetensors: what diffusers' networks make on
small configurations.

The weights are not in the files. Both sides make them from a formula (fill_parameters here, FillParameters in
tests/model/layers/golden.h), and so the inputs where they are not stored: a golden holds a configuration (in the
header's metadata, as JSON), inputs and the outputs. Run with the environment of tests/parity/requirements.txt; the
files are the same at every run.

    python tests/parity/networks/make_goldens.py
"""

import json
import pathlib

import numpy as np
import torch
from diffusers import AutoencoderKL, AutoencoderTiny, ControlNetModel, UNet2DConditionModel, UNet2DModel, VQModel
from safetensors.torch import save_file

GOLDEN = pathlib.Path(__file__).resolve().parents[2] / "golden"

UNETS = {
    # Stable Diffusion 1.x: one number of heads, 1x1 convolutions around the transformers.
    "sd1": dict(
        block_out_channels=[16, 32, 48], layers_per_block=1, attention_head_dim=4, cross_attention_dim=24,
        norm_num_groups=8,
        down_block_types=["CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"],
        up_block_types=["UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"]),
    # Stable Diffusion 2.x: heads per level, linear layers around the transformers, upcast attention.
    "sd2": dict(
        block_out_channels=[16, 32, 32], layers_per_block=2, attention_head_dim=[1, 2, 4], cross_attention_dim=40,
        norm_num_groups=8, use_linear_projection=True, upcast_attention=True,
        down_block_types=["CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"],
        up_block_types=["UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"]),
    # An inpainting checkpoint's nine input channels, without a middle block.
    "inpaint": dict(
        in_channels=9, block_out_channels=[16, 32], layers_per_block=2, attention_head_dim=2, cross_attention_dim=16,
        norm_num_groups=4, mid_block_type=None,
        down_block_types=["CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
        up_block_types=["CrossAttnUpBlock2D", "CrossAttnUpBlock2D"]),
    # A latent consistency model's: the guidance scale's embedding is projected and added to the timestep's.
    "lcm": dict(
        block_out_channels=[16, 32], layers_per_block=1, attention_head_dim=4, cross_attention_dim=24, norm_num_groups=8,
        time_cond_proj_dim=10, down_block_types=["CrossAttnDownBlock2D", "DownBlock2D"],
        up_block_types=["UpBlock2D", "CrossAttnUpBlock2D"]),
    # Stable Diffusion XL: attention from the second level on, deeper on the coarser ones, told a pooled text of 12 features
    # and 6 numbers.
    "xl": dict(
        block_out_channels=[16, 24, 32], layers_per_block=2, attention_head_dim=[2, 3, 4], cross_attention_dim=40,
        transformer_layers_per_block=[1, 1, 2], norm_num_groups=8, use_linear_projection=True,
        addition_embed_type="text_time", addition_time_embed_dim=10, projection_class_embeddings_input_dim=72,
        down_block_types=["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
        up_block_types=["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"]),
    # Its refiner: attention in the middle, one depth for all levels, 5 numbers, and another activation than the added
    # embedding's.
    "xl_refiner": dict(
        block_out_channels=[8, 16, 24, 24], layers_per_block=2, attention_head_dim=[2, 2, 3, 3], cross_attention_dim=20,
        transformer_layers_per_block=2, norm_num_groups=4, use_linear_projection=True, act_fn="gelu",
        addition_embed_type="text_time", addition_time_embed_dim=8, projection_class_embeddings_input_dim=52,
        down_block_types=["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"],
        up_block_types=["UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"]),
    # Stable Diffusion's upscaler: a noise level beside the timestep, cross-attention alone, none on the finest level.
    "upscaler": dict(
        in_channels=7, block_out_channels=[16, 32, 32], layers_per_block=2, attention_head_dim=4, cross_attention_dim=24,
        norm_num_groups=8, use_linear_projection=True, only_cross_attention=[True, True, False], num_class_embeds=40,
        down_block_types=["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
        up_block_types=["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"]),
    # Every other field away from its default.
    "unusual": dict(
        in_channels=5, out_channels=3, center_input_sample=True, flip_sin_to_cos=False, freq_shift=1,
        block_out_channels=[24, 16, 32], layers_per_block=[2, 1, 1], transformer_layers_per_block=[1, 2, 1],
        attention_head_dim=[3, 4, 2], cross_attention_dim=[20, 20, 20], only_cross_attention=[False, True, False],
        norm_num_groups=8, norm_eps=1e-3, act_fn="gelu", downsample_padding=0, mid_block_scale_factor=1.5,
        conv_in_kernel=5, conv_out_kernel=1, time_embedding_dim=40, use_linear_projection=True, dropout=0.1,
        down_block_types=["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
        up_block_types=["CrossAttnUpBlock2D", "UpBlock2D", "CrossAttnUpBlock2D"]),
}

# GLIGEN's: transformer blocks that may look at phrases in boxes.
GATED = dict(
    block_out_channels=[16, 24], layers_per_block=1, attention_head_dim=[2, 3], cross_attention_dim=20, norm_num_groups=8,
    attention_type="gated", down_block_types=["CrossAttnDownBlock2D", "DownBlock2D"], up_block_types=["UpBlock2D", "CrossAttnUpBlock2D"])

CONTROLNETS = {
    "sd1": dict(
        block_out_channels=[16, 24], layers_per_block=2, attention_head_dim=4, cross_attention_dim=24, norm_num_groups=8,
        conditioning_embedding_out_channels=[4, 6, 8, 8], down_block_types=["CrossAttnDownBlock2D", "DownBlock2D"]),
    "xl": dict(
        block_out_channels=[8, 16, 24], layers_per_block=1, attention_head_dim=[2, 2, 3], cross_attention_dim=20,
        transformer_layers_per_block=[1, 1, 2], norm_num_groups=4, use_linear_projection=True,
        addition_embed_type="text_time", addition_time_embed_dim=8, projection_class_embeddings_input_dim=60,
        conditioning_embedding_out_channels=[4, 6, 8, 8],
        down_block_types=["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"]),
    # Every other field away from its default.
    "unusual": dict(
        in_channels=5, flip_sin_to_cos=False, freq_shift=1, block_out_channels=[24, 16], layers_per_block=1,
        attention_head_dim=[3, 4], cross_attention_dim=20, only_cross_attention=[True, False], norm_num_groups=8,
        norm_eps=1e-3, act_fn="gelu", downsample_padding=0, mid_block_scale_factor=1.5, use_linear_projection=True,
        controlnet_conditioning_channel_order="bgr", conditioning_embedding_out_channels=[4, 6],
        addition_embed_type="text_time", addition_time_embed_dim=8, projection_class_embeddings_input_dim=60,
        down_block_types=["CrossAttnDownBlock2D", "CrossAttnDownBlock2D"]),
}

UNETS_2D = {
    # google/ddpm-cifar10-32: one head, attention on one level, old conventions of padding and timestep.
    "cifar": dict(
        block_out_channels=[16, 32, 32, 32], layers_per_block=2, attention_head_dim=None, norm_num_groups=8,
        norm_eps=1e-6, downsample_padding=0, flip_sin_to_cos=False, freq_shift=1, sample_size=32,
        down_block_types=["DownBlock2D", "AttnDownBlock2D", "DownBlock2D", "DownBlock2D"],
        up_block_types=["UpBlock2D", "UpBlock2D", "AttnUpBlock2D", "UpBlock2D"]),
    # google/ddpm-celebahq-256 and ddpm-ema-church-256: six levels.
    "church": dict(
        block_out_channels=[8, 8, 16, 16, 24, 24], layers_per_block=2, attention_head_dim=None, norm_num_groups=4,
        norm_eps=1e-6, downsample_padding=0, flip_sin_to_cos=False, freq_shift=1, sample_size=256,
        down_block_types=["DownBlock2D"] * 4 + ["AttnDownBlock2D", "DownBlock2D"],
        up_block_types=["UpBlock2D", "AttnUpBlock2D"] + ["UpBlock2D"] * 4),
    # CompVis/ldm-celebahq-256: attention on every level but the finest, several heads.
    "ldm": dict(
        block_out_channels=[16, 24, 32, 40], layers_per_block=2, attention_head_dim=8, norm_num_groups=8,
        down_block_types=["DownBlock2D"] + ["AttnDownBlock2D"] * 3,
        up_block_types=["AttnUpBlock2D"] * 3 + ["UpBlock2D"]),
    # openai/diffusers-cd_imagenet64_l2: classes, the time as scale and shift, resampling inside residual blocks; with
    # heads that do not fill the channels.
    "consistency": dict(
        block_out_channels=[16, 24, 32], layers_per_block=1, attention_head_dim=16, attn_norm_num_groups=4,
        norm_num_groups=8, num_class_embeds=10, resnet_time_scale_shift="scale_shift", downsample_type="resnet",
        upsample_type="resnet",
        down_block_types=["ResnetDownsampleBlock2D", "AttnDownBlock2D", "AttnDownBlock2D"],
        up_block_types=["AttnUpBlock2D", "AttnUpBlock2D", "ResnetUpsampleBlock2D"]),
    # Every other field away from its default.
    "fourier": dict(
        in_channels=5, out_channels=2, center_input_sample=True, time_embedding_type="fourier", time_embedding_dim=40,
        block_out_channels=[24, 16, 32], layers_per_block=1, mid_block_scale_factor=1.5, dropout=0.1, act_fn="gelu",
        attention_head_dim=4, norm_num_groups=4, norm_eps=1e-3, resnet_time_scale_shift="scale_shift",
        class_embed_type="timestep", sample_size=[24, 40],
        down_block_types=["AttnDownBlock2D", "UNetResDownBlock2D", "DownBlock2D"],
        up_block_types=["UpBlock2D", "AttnUpBlock2D", "UpBlock2D"]),
    "identity": dict(
        block_out_channels=[16, 16], layers_per_block=2, norm_num_groups=4, add_attention=False, act_fn="relu",
        class_embed_type="identity", downsample_type="resnet", upsample_type="conv",
        down_block_types=["AttnDownBlock2D", "DownBlock2D"], up_block_types=["UpBlock2D", "UpBlock2D"]),
    "headless": dict(
        block_out_channels=[16, 32], layers_per_block=1, norm_num_groups=4, mid_block_type=None,
        class_embed_type="timestep", down_block_types=["DownBlock2D", "AttnDownBlock2D"],
        up_block_types=["AttnUpBlock2D", "UpBlock2D"]),
}

VAES = {
    "sd": dict(
        block_out_channels=[8, 16, 24], layers_per_block=1, norm_num_groups=4, latent_channels=4, sample_size=32,
        down_block_types=["DownEncoderBlock2D"] * 3, up_block_types=["UpDecoderBlock2D"] * 3),
    "bare": dict(
        block_out_channels=[8, 16], layers_per_block=2, norm_num_groups=4, latent_channels=3, sample_size=32,
        act_fn="gelu", use_quant_conv=False, use_post_quant_conv=False, mid_block_add_attention=False,
        down_block_types=["DownEncoderBlock2D"] * 2, up_block_types=["UpDecoderBlock2D"] * 2),
}

VQ_MODELS = {
    # CompVis/ldm-celebahq-256's first stage.
    "ldm": dict(
        block_out_channels=[8, 16, 24], layers_per_block=1, norm_num_groups=4, latent_channels=3, num_vq_embeddings=64,
        vq_embed_dim=3, down_block_types=["DownEncoderBlock2D"] * 3, up_block_types=["UpDecoderBlock2D"] * 3),
    # Every other field away from its default, attention on a level.
    "unusual": dict(
        in_channels=4, out_channels=2, block_out_channels=[8, 16], layers_per_block=2, norm_num_groups=4,
        latent_channels=4, num_vq_embeddings=40, vq_embed_dim=5, act_fn="gelu", mid_block_add_attention=False,
        lookup_from_codebook=True, force_upcast=True, scaling_factor=0.5, sample_size=16,
        down_block_types=["DownEncoderBlock2D", "AttnDownEncoderBlock2D"],
        up_block_types=["AttnUpDecoderBlock2D", "UpDecoderBlock2D"]),
}

TINY = {
    "taesd": dict(
        encoder_block_out_channels=[16] * 4, decoder_block_out_channels=[16] * 4, num_encoder_blocks=[1, 2, 1, 1],
        num_decoder_blocks=[2, 1, 1, 1]),
    "unusual": dict(
        in_channels=4, out_channels=2, encoder_block_out_channels=[8] * 3, decoder_block_out_channels=[12] * 2,
        act_fn="silu", latent_channels=5, upsampling_scaling_factor=3, num_encoder_blocks=[0, 1, 2],
        num_decoder_blocks=[1, 2], latent_magnitude=2, latent_shift=0.25, scaling_factor=0.5, force_upcast=True),
}


def uniform(name, count):
    """`count` numbers in [-1, 1) that depend on `name` alone (FNV-1a, then a 32-bit mixer for each index)."""
    seed = 0x811C9DC5
    for byte in name.encode():
        seed = ((seed ^ byte) * 0x01000193) & 0xFFFFFFFF
    x = (np.uint64(seed) + np.arange(count, dtype=np.uint64) * np.uint64(0x9E3779B9)) & np.uint64(0xFFFFFFFF)
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
        x ^= x >> np.uint64(shift)
        x = (x * np.uint64(factor)) & np.uint64(0xFFFFFFFF)
    x ^= x >> np.uint64(16)
    return (x >> np.uint64(8)).astype(np.float64) / 2**23 - 1


def fill_parameters(module):
    for name, parameter in module.named_parameters():
        values = uniform(name, parameter.numel())
        if name.endswith(".bias"):
            values = 0.2 * values
        elif parameter.dim() <= 1:
            values = 1 + 0.3 * values
        else:
            values = 2 / np.sqrt(parameter.numel() // parameter.shape[0]) * values
        parameter.data = torch.from_numpy(values.astype(np.float32)).view(parameter.shape)


def make_input(name, *shape):
    return torch.from_numpy((1.7 * uniform(name, int(np.prod(shape)))).astype(np.float32)).view(shape)


def write(kind, name, config, tensors):
    path = GOLDEN / kind / f"{name}.safetensors"
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({key: value.contiguous() for key, value in tensors.items()}, path, {"config": json.dumps(config)})
    loud = ", ".join(f"{key} {value.std():.2f}" for key, value in tensors.items() if key.startswith("out"))
    print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB, {loud}")


def make_unet(name, config):
    unet = UNet2DConditionModel(**config).eval()
    fill_parameters(unet)
    text_features = config["cross_attention_dim"]
    text_features = text_features if isinstance(text_features, int) else max(text_features)
    timesteps = torch.tensor([981.0, 1.0, 500.0, 17.5])
    tensors = {"timesteps": timesteps}
    guidance, added, labels = None, None, None
    if "time_cond_proj_dim" in config:
        guidance = tensors["guidance"] = make_input("guidance", 4, config["time_cond_proj_dim"])
    if "addition_embed_type" in config:
        numbers = torch.tensor([[1024, 768, 0, 0, 1024, 768.0], [512, 300, 40, 7, 768, 1024.0], [60, 2000, 3, 900, 64, 72.0],
                                [1, 0, 0, 1, 5, 4000.0]])
        if name == "xl_refiner":
            numbers = torch.cat([numbers[:, :4], torch.tensor([[6.0], [2.5], [0.0], [7.25]])], 1)
        features = config["projection_class_embeddings_input_dim"] - numbers.shape[1] * config["addition_time_embed_dim"]
        added = {"pooled": make_input("pooled", 4, features), "numbers": numbers}
        tensors |= added
    if "num_class_embeds" in config:
        labels = tensors["labels"] = torch.tensor([3, 39, 0, 20])

    def conditions(lanes):
        return dict(timestep_cond=None if guidance is None else guidance[lanes],
                    class_labels=None if labels is None else labels[lanes],
                    added_cond_kwargs=None if added is None else dict(text_embeds=added["pooled"][lanes], time_ids=added["numbers"][lanes]))

    for height, width in ((8, 8), (9, 7), (12, 10), (5, 16)):
        sample = make_input(f"sample{height}x{width}", 4, config.get("in_channels", 4), height, width)
        # Lanes 0-1 have a short text and lanes 2-3 a longer one; the reference runs them apart.
        short = make_input("short", 2, 7, text_features)
        long = make_input("long", 2, 13, text_features)
        out = [unet(sample[:2], timesteps[:2], short, **conditions(slice(0, 2))).sample,
               unet(sample[2:], timesteps[2:], long, **conditions(slice(2, 4))).sample]
        tensors |= {f"sample{height}x{width}": sample, "short": short, "long": long,
                    f"out{height}x{width}": torch.cat(out)}
    write("unet", name, config, tensors)


def make_gated():
    unet = UNet2DConditionModel(**GATED).eval()
    fill_parameters(unet)
    features = GATED["cross_attention_dim"]
    timesteps = torch.tensor([981.0, 1.0, 500.0, 17.5])
    boxes = (make_input("boxes", 30, 4) / 3.4 + 0.5).float()
    phrases = make_input("phrases", 30, features)
    text = make_input("text", 4, 7, features)
    tensors = {"timesteps": timesteps, "boxes": boxes, "phrases": phrases, "text": text}
    for height, width in ((8, 8), (9, 7), (5, 16)):
        sample = make_input(f"sample{height}x{width}", 4, 4, height, width)
        out = []
        for lane, count in enumerate((None, 2, 0, 30)):  # boxes of each lane, None: it is not grounded
            slots = torch.arange(30) < (count or 0)
            grounding = {"boxes": boxes * slots[:, None], "positive_embeddings": phrases * slots[:, None], "masks": slots.float()}
            grounding = {key: value[None] for key, value in grounding.items()}
            out.append(unet(sample[lane : lane + 1], timesteps[lane], text[lane : lane + 1],
                            cross_attention_kwargs=None if count is None else {"gligen": grounding}).sample)
        tensors |= {f"sample{height}x{width}": sample, f"out{height}x{width}": torch.cat(out)}
    write("unet", "gated", GATED, tensors)


def make_controlnet(name, config):
    network = ControlNetModel(**config).eval()
    fill_parameters(network)
    timesteps = torch.tensor([981.0, 1.0, 17.5])
    tensors = {"timesteps": timesteps, "short": make_input("short", 1, 7, config["cross_attention_dim"]),
               "long": make_input("long", 2, 11, config["cross_attention_dim"])}
    added = None
    if "addition_embed_type" in config:
        numbers = torch.tensor([[1024, 768, 0, 0, 1024, 768.0], [512, 300, 40, 7, 768, 1024.0], [1, 0, 0, 1, 5, 4000.0]])
        features = config["projection_class_embeddings_input_dim"] - numbers.shape[1] * config["addition_time_embed_dim"]
        added = {"pooled": make_input("pooled", 3, features), "numbers": numbers}
        tensors |= added
    scale = 2 ** (len(config["conditioning_embedding_out_channels"]) - 1)
    for height, width in ((4, 5), (7, 3), (6, 9)):
        sample = make_input(f"sample{height}x{width}", 3, config.get("in_channels", 4), height, width)
        picture = make_input(f"picture{height}x{width}", 3, 3, height * scale, width * scale).abs() % 1
        parts = []
        # Lane 0 has a shorter text than the others.
        for lanes, text in ((slice(0, 1), "short"), (slice(1, 3), "long")):
            conditions = None if added is None else dict(text_embeds=added["pooled"][lanes], time_ids=added["numbers"][lanes])
            parts.append(network(sample[lanes], timesteps[lanes], tensors[text], picture[lanes], added_cond_kwargs=conditions))
        tensors |= {f"sample{height}x{width}": sample,
                    f"out_middle{height}x{width}": torch.cat([part.mid_block_res_sample for part in parts])}
        for i in range(len(parts[0].down_block_res_samples)):
            tensors[f"out_down{i}_{height}x{width}"] = torch.cat([part.down_block_res_samples[i] for part in parts])
    write("controlnet", name, config, tensors)


def make_unet_2d(name, config):
    unet = UNet2DModel(**config).eval()
    fill_parameters(unet)
    unit = 2 ** (len(config["block_out_channels"]) - 1)
    # Noise levels for Fourier features of their logarithm.
    timesteps = [80.0, 0.5, 17.5] if config.get("time_embedding_type") == "fourier" else [981.0, 1.0, 17.5]
    tensors = {"timesteps": torch.tensor(timesteps)}
    labels = {}
    if "class_embed_type" in config or "num_class_embeds" in config:
        tensors["labels"] = {
            None: torch.tensor([3, 9, 0]),
            "timestep": torch.tensor([10.0, 250.5, 999.0]),
            "identity": make_input("labels", 3, 4 * config["block_out_channels"][0]),
        }[config.get("class_embed_type")]
        labels = {"class_labels": tensors["labels"]}
    # Few pixels for the networks of many levels, to keep the files small.
    for down, right in ((1, 2),) if unit > 8 else ((1, 1), (3, 2)) if unit > 4 else ((2, 2), (3, 5), (1, 4)):
        height, width = down * unit, right * unit
        sample = make_input(f"sample{height}x{width}", 3, config.get("in_channels", 3), height, width)
        tensors[f"out{height}x{width}"] = unet(sample, tensors["timesteps"], **labels).sample
    write("unet_2d", name, config, tensors)


def make_vae(name, config):
    vae = AutoencoderKL(**config).eval()
    fill_parameters(vae)
    latent = config["latent_channels"]
    scale = 2 ** (len(config["block_out_channels"]) - 1)
    latents = make_input("latents", 2, latent, 5, 7)
    images = make_input("images", 2, 3, 6 * scale, 3 * scale)
    posterior = vae.encode(images).latent_dist
    noise = make_input("noise", *posterior.mean.shape)
    tensors = {"latents": latents, "images": images, "noise": noise, "out_images": vae.decode(latents).sample,
               "out_mean": posterior.mean, "out_log_var": posterior.logvar,
               "out_sample": posterior.mean + posterior.std * noise}
    # Tiles of 32 pixels, on sizes where the last tile is whole, narrow, or as thin as the overlap.
    vae.enable_tiling()
    for height, width in ((13, 19), (16, 22)):
        large = make_input(f"latents{height}x{width}", 1, latent, height, width)
        tensors |= {f"latents{height}x{width}": large, f"out_tiled{height}x{width}": vae.decode(large).sample.half()}
    large = make_input("large", 1, 3, 44, 60)
    posterior = vae.encode(large).latent_dist
    tensors |= {"large": large.half(), "out_tiled_mean": vae.encode(large.half().float()).latent_dist.mean}
    write("vae", name, config, tensors)


def make_vq_model(name, config):
    model = VQModel(**config).eval()
    fill_parameters(model)
    scale = 2 ** (len(config["block_out_channels"]) - 1)
    features = config["vq_embed_dim"]
    tensors = {}
    # The size of the latents.
    for height, width in ((5, 7), (8, 3)):
        images = make_input(f"images{height}x{width}", 2, config.get("in_channels", 3), height * scale, width * scale)
        latents = make_input(f"latents{height}x{width}", 2, features, height, width)
        codes = model.quantize(latents)[2][2]
        tensors |= {f"latents{height}x{width}": model.encode(images).latents,
                    f"codes{height}x{width}": codes.view(2, height, width),
                    f"out{height}x{width}": model.decode(latents).sample}
        if config.get("lookup_from_codebook"):
            shape = (2, height, width, features)
            looked_up = model.decode(codes, force_not_quantize=True, shape=shape).sample
            tensors[f"looked_up{height}x{width}"] = looked_up
        else:
            tensors[f"unquantized{height}x{width}"] = model.decode(latents, force_not_quantize=True).sample
    write("vq_model", name, config, tensors)


def make_tiny(name, config):
    model = AutoencoderTiny(**config).eval()
    fill_parameters(model)
    tensors = {}
    # The size of the images that are encoded, which need not be whole in latents.
    for height, width in ((24, 40), (19, 26)):
        images = make_input(f"images{height}x{width}", 2, config.get("in_channels", 3), height, width)
        latents = model.encode(images).latents
        tensors |= {f"latents{height}x{width}": latents, f"scaled{height}x{width}": model.scale_latents(latents)}
    for height, width in ((3, 5), (4, 1)):
        latents = make_input(f"input{height}x{width}", 2, config.get("latent_channels", 4), height, width) * 3
        tensors |= {f"out{height}x{width}": model.decode(latents).sample,
                    f"unscaled{height}x{width}": model.unscale_latents(latents)}
    write("autoencoder_tiny", name, config, tensors)


if __name__ == "__main__":
    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    for each, settings in UNETS.items():
        make_unet(each, settings)
    make_gated()
    for each, settings in CONTROLNETS.items():
        make_controlnet(each, settings)
    for each, settings in UNETS_2D.items():
        make_unet_2d(each, settings)
    for each, settings in VAES.items():
        make_vae(each, settings)
    for each, settings in VQ_MODELS.items():
        make_vq_model(each, settings)
    for each, settings in TINY.items():
        make_tiny(each, settings)
