"""Small Stable Diffusion pipelines with random weights, in diffusers' folder layout.

Three of them, so that between them every trait of Stable Diffusion 1.x and 2.x checkpoints is used and every prediction
type: `tiny-epsilon` (1.x: heads as one number, convolution projections, quick-GELU), `tiny-v` (2.x: heads per level,
linear projections, attention upcast, GELU, padding with "!"), `tiny-sample` (three levels, and a VAE of factor 4).
Weights are stored as float16 and loud enough that a wrong path shows in the picture.
"""

import json
import os

import torch
from diffusers import (AutoencoderKL, DDIMScheduler, DDPMScheduler, PNDMScheduler, StableDiffusionPipeline,
                       UNet2DConditionModel)
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

# Merges of CLIP's byte-pair encoding that the test prompts use, in CLIP's order.
MERGES = ["i n", "t h", "a n", "r e", "a r", "e r", "th e</w>", "in g</w>", "o r", "o n", "re d</w>", "p p", "g r", "e n</w>",
          "l e</w>", "gr e", "gre en</w>", "a pp", "app le</w>", "h o", "ho u", "hou s", "hous e</w>"]


def bytes_to_unicode():
    visible = list(range(ord("!"), ord("~") + 1)) + list(range(0xA1, 0xAD)) + list(range(0xAE, 0x100))
    symbols, extra = {b: chr(b) for b in visible}, 0
    for b in range(256):
        if b not in symbols:
            symbols[b] = chr(256 + extra)
            extra += 1
    ordered = visible + [b for b in range(256) if b not in visible]
    return [symbols[b] for b in ordered]


def write_tokenizer(folder, pad):
    os.makedirs(folder, exist_ok=True)
    symbols = bytes_to_unicode()
    words = symbols + [s + "</w>" for s in symbols] + [m.replace(" ", "") for m in MERGES] + ["<|startoftext|>", "<|endoftext|>"]
    with open(f"{folder}/vocab.json", "w", encoding="utf-8") as f:
        json.dump({w: i for i, w in enumerate(words)}, f, ensure_ascii=False)
    with open(f"{folder}/merges.txt", "w", encoding="utf-8") as f:
        f.write("#version: 0.2\n" + "\n".join(MERGES) + "\n")
    CLIPTokenizer.from_pretrained(folder)  # it must load before more is written
    with open(f"{folder}/special_tokens_map.json", "w", encoding="utf-8") as f:
        json.dump({"bos_token": "<|startoftext|>", "eos_token": "<|endoftext|>", "pad_token": pad, "unk_token": "<|endoftext|>"}, f)
    with open(f"{folder}/tokenizer_config.json", "w", encoding="utf-8") as f:
        json.dump({"tokenizer_class": "CLIPTokenizer", "model_max_length": 77, "bos_token": "<|startoftext|>",
                   "eos_token": "<|endoftext|>", "pad_token": pad, "unk_token": "<|endoftext|>", "do_lower_case": True,
                   "errors": "replace", "add_prefix_space": False}, f)
    return len(words)


def loud(module, factor):
    """Random weights of default initialisation nearly vanish over many layers: all matrices are made larger."""
    with torch.no_grad():
        for parameter in module.parameters():
            if parameter.ndim > 1:
                parameter.mul_(factor)


def build(name, folder):
    torch.manual_seed({"tiny-epsilon": 1, "tiny-v": 2, "tiny-sample": 3}[name])
    two = name == "tiny-v"
    vocab = write_tokenizer(f"{folder}/tokenizer", "!" if two else "<|endoftext|>")
    text = CLIPTextModel(CLIPTextConfig(
        vocab_size=vocab, hidden_size=32, intermediate_size=64, num_hidden_layers=3, num_attention_heads=4,
        max_position_embeddings=77, hidden_act="gelu" if two else "quick_gelu", bos_token_id=vocab - 2,
        eos_token_id=vocab - 1, pad_token_id=0 if two else vocab - 1, projection_dim=32))
    levels = (16, 32, 32) if name == "tiny-sample" else (16, 32)
    unet = UNet2DConditionModel(
        sample_size=8, in_channels=4, out_channels=4, block_out_channels=levels, layers_per_block=1 if len(levels) == 3 else 2,
        down_block_types=("CrossAttnDownBlock2D",) * (len(levels) - 1) + ("DownBlock2D",),
        up_block_types=("UpBlock2D",) + ("CrossAttnUpBlock2D",) * (len(levels) - 1),
        cross_attention_dim=32, norm_num_groups=8, attention_head_dim=[2, 4] if two else 4,
        use_linear_projection=two, upcast_attention=two)
    vae_levels = (8, 8, 16) if name == "tiny-sample" else (8, 8, 16, 16)
    vae = AutoencoderKL(
        block_out_channels=vae_levels, down_block_types=("DownEncoderBlock2D",) * len(vae_levels),
        up_block_types=("UpDecoderBlock2D",) * len(vae_levels), latent_channels=4, layers_per_block=1, norm_num_groups=8,
        sample_size=64, scaling_factor=0.18215)
    loud(text, 3.0)
    loud(unet, 1.4)
    loud(vae, 1.3)
    with torch.no_grad():
        vae.decoder.conv_out.weight.mul_(2.2)
    common = dict(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", num_train_timesteps=1000)
    scheduler = {
        "tiny-epsilon": lambda: PNDMScheduler(**common, skip_prk_steps=True, steps_offset=1, set_alpha_to_one=False),
        "tiny-v": lambda: DDIMScheduler(**common, prediction_type="v_prediction", steps_offset=1, clip_sample=False,
                                        set_alpha_to_one=False),
        "tiny-sample": lambda: DDPMScheduler(beta_start=0.0001, beta_end=0.02, beta_schedule="linear", prediction_type="sample", clip_sample=False),
    }[name]()
    pipeline = StableDiffusionPipeline(vae=vae, text_encoder=text, tokenizer=CLIPTokenizer.from_pretrained(f"{folder}/tokenizer"),
                                       unet=unet, scheduler=scheduler, safety_checker=None, feature_extractor=None,
                                       requires_safety_checker=False)
    pipeline.to(torch.float16)
    tokenizer = {f: open(f"{folder}/tokenizer/{f}", encoding="utf-8").read() for f in os.listdir(f"{folder}/tokenizer")}
    pipeline.save_pretrained(folder, safe_serialization=True)
    # Saved tokenizers of the current transformers hold tokenizer.json; old checkpoints have the other files: `tiny-v` keeps
    # the new layout, the others the old one.
    if not two:
        for f in os.listdir(f"{folder}/tokenizer"):
            os.remove(f"{folder}/tokenizer/{f}")
        for f, content in tokenizer.items():
            with open(f"{folder}/tokenizer/{f}", "w", encoding="utf-8") as out:
                out.write(content)
