"""The two networks of the diffusion model, and its noise schedule. Every field is diffusers' or transformers' own."""

import torch
from diffusers import DDIMScheduler, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel

import common

WIDTH = 192  # of the text


def build_text_encoder(vocabulary: dict[str, int], length: int) -> CLIPTextModel:
    bos, eos = vocabulary["<|startoftext|>"], vocabulary["<|endoftext|>"]
    config = CLIPTextConfig(
        vocab_size=len(vocabulary), hidden_size=WIDTH, intermediate_size=4 * WIDTH, num_hidden_layers=2, num_attention_heads=4,
        max_position_embeddings=length, hidden_act="quick_gelu", projection_dim=WIDTH,
        bos_token_id=bos, eos_token_id=eos, pad_token_id=eos,
    )
    return CLIPTextModel(config)


def build_unet(latent_channels: int = 8) -> UNet2DConditionModel:
    """16x16 latents; the words enter at 8x8, where they shape details, and at 4x4, where most of the weights see the whole picture."""
    unet = UNet2DConditionModel(
        sample_size=16,
        in_channels=latent_channels,
        out_channels=latent_channels,
        block_out_channels=[64, 96, 256],
        layers_per_block=1,
        down_block_types=["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
        mid_block_type="UNetMidBlock2DCrossAttn",
        up_block_types=["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"],
        cross_attention_dim=WIDTH,
        attention_head_dim=4,  # the number of heads, as in Stable Diffusion 1
        norm_num_groups=16,
    )
    common.start_linear(unet)
    return unet


def build_scheduler() -> DDIMScheduler:
    return DDIMScheduler(
        num_train_timesteps=1000, beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012, prediction_type="v_prediction",
        clip_sample=False, set_alpha_to_one=True, steps_offset=1, timestep_spacing="trailing",
    )


def noised(clean: torch.Tensor, noise: torch.Tensor, signal: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The noised latent and the velocity to predict; `signal` is the cumulative alpha of each row's timestep."""
    a, b = signal.sqrt()[:, None, None, None], (1 - signal).sqrt()[:, None, None, None]
    return a * clean + b * noise, a * noise - b * clean
