"""Small models that enlarge pictures, with random weights.

`tiny-upscaler` (StableDiffusionUpscalePipeline, four times: noise levels, text, v-prediction), `tiny-ldm-upscaler`
(LDMSuperResolutionPipeline, twice). Weights are stored as float16.
"""

import torch
from diffusers import (AutoencoderKL, DDIMScheduler, DDPMScheduler, LDMSuperResolutionPipeline, StableDiffusionUpscalePipeline,
                       UNet2DConditionModel, UNet2DModel, VQModel)
from transformers import CLIPTextModel, CLIPTokenizer

from tiny_models import loud

UPSCALER = "tiny-upscaler"
LDM = "tiny-ldm-upscaler"


def build_upscaler(folder, base):
    """Beside the text encoder of the model in `base`."""
    torch.manual_seed(40)
    unet = UNet2DConditionModel(
        sample_size=16, in_channels=7, out_channels=4, block_out_channels=(16, 32), layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"), up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=32, norm_num_groups=8, attention_head_dim=4, use_linear_projection=True, only_cross_attention=(True, False),
        num_class_embeds=256)
    vae = AutoencoderKL(
        block_out_channels=(8, 8, 16), down_block_types=("DownEncoderBlock2D",) * 3, up_block_types=("UpDecoderBlock2D",) * 3,
        latent_channels=4, layers_per_block=1, norm_num_groups=8, sample_size=64, scaling_factor=0.08333)
    loud(unet, 1.6)
    loud(vae, 1.3)
    with torch.no_grad():
        vae.decoder.conv_out.weight.mul_(2.2)
    scheduler = DDIMScheduler(beta_start=0.0001, beta_end=0.02, beta_schedule="linear", prediction_type="v_prediction", steps_offset=1,
                              clip_sample=False, set_alpha_to_one=False)
    pipeline = StableDiffusionUpscalePipeline(
        vae=vae, text_encoder=CLIPTextModel.from_pretrained(base, subfolder="text_encoder"),
        tokenizer=CLIPTokenizer.from_pretrained(base, subfolder="tokenizer"), unet=unet, scheduler=scheduler,
        low_res_scheduler=DDPMScheduler(beta_schedule="squaredcos_cap_v2"), max_noise_level=250)
    pipeline.to(torch.float16)
    pipeline.save_pretrained(folder, safe_serialization=True)


def build_ldm(folder):
    torch.manual_seed(41)
    unet = UNet2DModel(
        sample_size=32, in_channels=6, out_channels=3, block_out_channels=(16, 16, 32), layers_per_block=1, norm_num_groups=8,
        attention_head_dim=8, down_block_types=("DownBlock2D", "DownBlock2D", "AttnDownBlock2D"),
        up_block_types=("AttnUpBlock2D", "UpBlock2D", "UpBlock2D"))
    vqvae = VQModel(
        block_out_channels=(8, 16), down_block_types=("DownEncoderBlock2D",) * 2, up_block_types=("UpDecoderBlock2D",) * 2,
        latent_channels=3, layers_per_block=1, norm_num_groups=8, num_vq_embeddings=64, sample_size=64)
    loud(unet, 1.4)
    loud(vqvae, 1.3)
    with torch.no_grad():
        vqvae.quantize.embedding.weight.uniform_(-2, 2)
        vqvae.decoder.conv_out.weight.mul_(2.2)
    scheduler = DDIMScheduler(beta_start=0.0015, beta_end=0.0155, beta_schedule="scaled_linear", clip_sample=False, set_alpha_to_one=False)
    pipeline = LDMSuperResolutionPipeline(vqvae=vqvae, unet=unet, scheduler=scheduler)
    pipeline.to(torch.float16)
    pipeline.save_pretrained(folder, safe_serialization=True)
