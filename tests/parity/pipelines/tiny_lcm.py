"""Small latent consistency models with random weights, in diffusers' folder layout, over the text encoder of another tiny model.

`tiny-lcm` is a LatentConsistencyModelPipeline, with an AutoencoderTiny for previews in its subfolder `taesd`. `tiny-lcm-sd` is a
StableDiffusionPipeline that holds such a U-Net, and an AutoencoderTiny in the place of the VAE.
"""

import torch
from diffusers import (AutoencoderKL, AutoencoderTiny, LatentConsistencyModelPipeline, LCMScheduler, StableDiffusionPipeline,
                       UNet2DConditionModel)
from transformers import CLIPTextModel, CLIPTokenizer

from tiny_models import loud


def build_unet(seed, guidance_features):
    torch.manual_seed(seed)
    unet = UNet2DConditionModel(
        sample_size=8, in_channels=4, out_channels=4, block_out_channels=(16, 32), layers_per_block=1,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"), up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        cross_attention_dim=32, norm_num_groups=8, attention_head_dim=4, time_cond_proj_dim=guidance_features)
    loud(unet, 1.4)
    loud(unet.time_embedding.cond_proj, 8.0)
    return unet


def build_autoencoder(seed, factor, scaling_factor):
    torch.manual_seed(seed)
    autoencoder = AutoencoderTiny(encoder_block_out_channels=(16,) * 4, decoder_block_out_channels=(16,) * 4, num_encoder_blocks=(1, 1, 1, 1),
                                  num_decoder_blocks=(1, 1, 1, 1), scaling_factor=scaling_factor)
    loud(autoencoder, factor)
    loud(autoencoder.decoder.layers[-1], 2.0)
    return autoencoder


def build(folder, base):
    """Beside the model `base` of the folder of all, which lends its text encoder and its VAE."""
    base = f"{folder}/{base}"
    common = dict(text_encoder=CLIPTextModel.from_pretrained(base, subfolder="text_encoder"),
                  tokenizer=CLIPTokenizer.from_pretrained(base, subfolder="tokenizer"), safety_checker=None, feature_extractor=None,
                  requires_safety_checker=False)
    betas = dict(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear")
    pipeline = LatentConsistencyModelPipeline(
        **common, unet=build_unet(30, 24), vae=AutoencoderKL.from_pretrained(base, subfolder="vae"), scheduler=LCMScheduler(**betas))
    pipeline.to(torch.float16).save_pretrained(f"{folder}/tiny-lcm", safe_serialization=True)
    preview = build_autoencoder(31, 1.5, 0.9).to(torch.float16)
    preview.save_pretrained(f"{folder}/tiny-lcm/taesd", safe_serialization=True)
    pipeline = StableDiffusionPipeline(
        **common, unet=build_unet(32, 17), vae=build_autoencoder(33, 1.5, 0.8),
        scheduler=LCMScheduler(**betas, original_inference_steps=40, timestep_scaling=8.0))
    pipeline.to(torch.float16).save_pretrained(f"{folder}/tiny-lcm-sd", safe_serialization=True)
