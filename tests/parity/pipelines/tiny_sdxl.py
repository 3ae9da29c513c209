"""Small Stable Diffusion XL pipelines with random weights: a base, a refiner, and a base with 9 channels for inpainting."""

import torch
from diffusers import (AutoencoderKL, EulerDiscreteScheduler, StableDiffusionXLImg2ImgPipeline, StableDiffusionXLInpaintPipeline,
                       StableDiffusionXLPipeline, UNet2DConditionModel)
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

from tiny_models import loud, write_tokenizer

PROJECTION = 20


def scheduler():
    """As the published checkpoints have it."""
    return EulerDiscreteScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", num_train_timesteps=1000,
                                  interpolation_type="linear", prediction_type="epsilon", steps_offset=1, timestep_spacing="leading",
                                  use_karras_sigmas=False)


def text_config(vocab, features, act, pad):
    return CLIPTextConfig(vocab_size=vocab, hidden_size=features, intermediate_size=2 * features, num_hidden_layers=4, num_attention_heads=4,
                          max_position_embeddings=77, hidden_act=act, bos_token_id=vocab - 2, eos_token_id=vocab - 1, pad_token_id=pad,
                          projection_dim=PROJECTION)


def tokenizers(folder):
    """The first pads with the end token, the second with "!", the token 0."""
    pair = []
    for name, pad in (("tokenizer", "<|endoftext|>"), ("tokenizer_2", "!")):
        vocab = write_tokenizer(f"{folder}/{name}", pad)
        pair.append(CLIPTokenizer.from_pretrained(f"{folder}/{name}"))
    return vocab, pair


def build_vae():
    levels = (8, 8, 16, 16)
    vae = AutoencoderKL(
        block_out_channels=levels, down_block_types=("DownEncoderBlock2D",) * len(levels),
        up_block_types=("UpDecoderBlock2D",) * len(levels), latent_channels=4, layers_per_block=1, norm_num_groups=8, sample_size=64,
        scaling_factor=0.13025, force_upcast=True)
    loud(vae, 1.3)
    with torch.no_grad():
        vae.decoder.conv_out.weight.mul_(2.2)
    return vae


def build_unet(levels, channels, features, numbers, **changes):
    count = len(levels)
    attends = range(1, 3)
    unet = UNet2DConditionModel(
        sample_size=8, in_channels=channels, out_channels=4, block_out_channels=levels, layers_per_block=1, norm_num_groups=8,
        down_block_types=["CrossAttnDownBlock2D" if i in attends else "DownBlock2D" for i in range(count)],
        up_block_types=["CrossAttnUpBlock2D" if i in attends else "UpBlock2D" for i in reversed(range(count))],
        cross_attention_dim=features, use_linear_projection=True, addition_embed_type="text_time", addition_time_embed_dim=8,
        projection_class_embeddings_input_dim=PROJECTION + 8 * numbers, **changes)
    loud(unet, 1.4)
    with torch.no_grad():  # what is added must show
        unet.add_embedding.linear_1.weight.mul_(2)
        unet.add_embedding.linear_2.weight.mul_(2)
    return unet


def save(pipeline, folder):
    pipeline.to(torch.float16)
    pipeline.save_pretrained(folder, safe_serialization=True)


def build_base(folder):
    torch.manual_seed(31)
    vocab, (tokenizer, tokenizer_2) = tokenizers(folder)
    text = CLIPTextModel(text_config(vocab, 16, "quick_gelu", vocab - 1))
    text_2 = CLIPTextModelWithProjection(text_config(vocab, 24, "gelu", 0))
    unet = build_unet((16, 16, 24), 4, 40, 6, attention_head_dim=[2, 2, 3], transformer_layers_per_block=[1, 1, 2])
    loud(text, 3.0)
    loud(text_2, 3.0)
    save(StableDiffusionXLPipeline(vae=build_vae(), text_encoder=text, text_encoder_2=text_2, tokenizer=tokenizer, tokenizer_2=tokenizer_2,
                                   unet=unet, scheduler=scheduler(), add_watermarker=False), folder)


def build_refiner(folder, base):
    torch.manual_seed(32)
    vocab, (_, tokenizer_2) = tokenizers(folder)
    text_2 = CLIPTextModelWithProjection(text_config(vocab, 24, "gelu", 0))
    unet = build_unet((16, 16, 16, 24), 4, 24, 5, attention_head_dim=[2, 2, 2, 3], transformer_layers_per_block=2)
    loud(text_2, 3.0)
    save(StableDiffusionXLImg2ImgPipeline(
        vae=AutoencoderKL.from_pretrained(base, subfolder="vae"), text_encoder=None, text_encoder_2=text_2, tokenizer=None,
        tokenizer_2=tokenizer_2, unet=unet, scheduler=scheduler(), requires_aesthetics_score=True, force_zeros_for_empty_prompt=False,
        add_watermarker=False), folder)


def build_inpainting(folder, base):
    torch.manual_seed(33)
    parts = StableDiffusionXLPipeline.from_pretrained(base, torch_dtype=torch.float32).components
    unet = build_unet((16, 16, 24), 9, 40, 6, attention_head_dim=[2, 2, 3], transformer_layers_per_block=[1, 1, 1])
    parts = {name: part for name, part in parts.items() if name not in ("unet", "image_encoder", "feature_extractor")}
    save(StableDiffusionXLInpaintPipeline(**parts, unet=unet, add_watermarker=False), folder)
