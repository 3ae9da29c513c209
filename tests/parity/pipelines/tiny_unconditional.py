"""Small unconditional pipelines with random weights: DDPM in pixel space and latent diffusion with a VQ autoencoder.

`tiny-ddpm` (CIFAR-10's layout: attention at one level; pictures that are not square), `tiny-ddpm-learned` (predicts the
variance, too), `tiny-ldm` (LDMPipeline). Weights are stored as float16.
"""

import torch
from diffusers import DDIMScheduler, DDPMPipeline, DDPMScheduler, LDMPipeline, UNet2DModel, VQModel

from tiny_models import loud

NAMES = ["tiny-ddpm", "tiny-ddpm-learned", "tiny-ldm"]
BETAS = dict(beta_start=0.0001, beta_end=0.02, beta_schedule="linear", num_train_timesteps=1000)


def build_unet(channels, out_channels, size, **options):
    return UNet2DModel(
        sample_size=size, in_channels=channels, out_channels=out_channels, block_out_channels=(16, 32, 32), layers_per_block=1,
        norm_num_groups=8, attention_head_dim=8, down_block_types=("DownBlock2D", "AttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "AttnUpBlock2D", "UpBlock2D"), **options)


def build(name, folder):
    torch.manual_seed(10 + NAMES.index(name))
    if name == "tiny-ldm":
        unet = build_unet(3, 3, 16)
        vqvae = VQModel(
            block_out_channels=(8, 16, 16), down_block_types=("DownEncoderBlock2D",) * 3, up_block_types=("UpDecoderBlock2D",) * 3,
            latent_channels=3, layers_per_block=1, norm_num_groups=8, num_vq_embeddings=64, sample_size=32)
        loud(vqvae, 1.3)
        with torch.no_grad():
            vqvae.quantize.embedding.weight.uniform_(-2, 2)
            vqvae.decoder.conv_out.weight.mul_(2.2)
        scheduler = DDIMScheduler(beta_start=0.0015, beta_end=0.0195, beta_schedule="scaled_linear", clip_sample=False)
        pipeline = LDMPipeline(vqvae=vqvae, unet=unet, scheduler=scheduler)
    else:
        learned = name == "tiny-ddpm-learned"
        unet = build_unet(3, 6 if learned else 3, (24, 16), freq_shift=1, flip_sin_to_cos=False, downsample_padding=0)
        scheduler = DDPMScheduler(**BETAS, clip_sample=True, variance_type="learned_range" if learned else "fixed_large")
        pipeline = DDPMPipeline(unet=unet, scheduler=scheduler)
    loud(unet, 1.4)
    pipeline.to(torch.float16)
    pipeline.save_pretrained(folder, safe_serialization=True)
