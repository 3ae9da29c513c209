"""Checkpoints of one file in the original layout: Stable Diffusion 1, 2 (velocity) and inpainting, read by diffusers'
from_single_file."""

import json
import os
import tempfile

import torch
from diffusers import (AutoencoderKL, DDIMScheduler, EulerAncestralDiscreteScheduler, EulerDiscreteScheduler, PNDMScheduler,
                       StableDiffusionImg2ImgPipeline, StableDiffusionInpaintPipeline, StableDiffusionPipeline, UNet2DConditionModel)
from PIL import Image
from safetensors.torch import save_file
from transformers import CLIPTextConfig, CLIPTextModel

import clip_words
import original_layout
from tiny_models import loud

NAME = "singlefile"
TEXT_FEATURES = 4  # of 49,408 tokens, which the program's own vocabulary has
PROMPTS = ["a red apple", "the green house in the morning!", "", "blue", "green"]
SAMPLERS = {"pndm": PNDMScheduler, "ddim": DDIMScheduler, "euler": EulerDiscreteScheduler, "euler_a": EulerAncestralDiscreteScheduler}
# name: seed, levels of the U-Net, its input channels, pipeline
MODELS = {"one-file-sd1": (41, (32, 32), 4, StableDiffusionPipeline), "one-file-sd2-v": (42, (32,), 4, StableDiffusionPipeline),
          "one-file-inpaint": (43, (32,), 9, StableDiffusionInpaintPipeline)}


# The published models' configuration, which leaves the rest to the class that reads it: the spacing of timesteps, above all.
SCHEDULER = {"_class_name": "PNDMScheduler", "beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear",
             "num_train_timesteps": 1000, "set_alpha_to_one": False, "skip_prk_steps": True, "steps_offset": 1, "clip_sample": False}
SCHEDULER_OF_SD2 = dict(SCHEDULER, _class_name="DDIMScheduler", prediction_type="v_prediction")
SCHEDULER_OF_INPAINTING = {key: value for key, value in dict(SCHEDULER, _class_name="DDIMScheduler").items() if key != "skip_prk_steps"}


def is_sd2(name):
    return name == "one-file-sd2-v"


def text_encoder(name, tokens):
    two = is_sd2(name)
    text = CLIPTextModel(CLIPTextConfig(
        vocab_size=49408, hidden_size=TEXT_FEATURES, intermediate_size=4 * TEXT_FEATURES, num_hidden_layers=2, num_attention_heads=1,
        max_position_embeddings=77, hidden_act="gelu" if two else "quick_gelu", bos_token_id=49406, eos_token_id=49407,
        pad_token_id=0 if two else 49407, projection_dim=TEXT_FEATURES))
    loud(text, 3.0)
    # Tokens that no prompt uses are zero, so that the file packs well.
    used = torch.tensor(sorted({i for prompt in PROMPTS for i in tokens(prompt, padding="max_length").input_ids}))
    with torch.no_grad():
        table = text.get_input_embeddings().weight
        kept = table[used].clone()
        table.zero_()
        table[used] = kept
    return text


def build(name, folder):
    """A pipeline with random weights, saved in diffusers' layout."""
    seed, levels, in_channels, kind = MODELS[name]
    torch.manual_seed(seed)
    tokens = clip_words.tokenizer(f"{folder}/words", "!" if is_sd2(name) else "<|endoftext|>")
    text = text_encoder(name, tokens)
    unet = UNet2DConditionModel(
        sample_size=96 if is_sd2(name) else 64, in_channels=in_channels, out_channels=4, block_out_channels=levels, layers_per_block=1,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D")[:len(levels)], up_block_types=("UpBlock2D", "CrossAttnUpBlock2D")[-len(levels):],
        cross_attention_dim=TEXT_FEATURES, attention_head_dim=1 if is_sd2(name) else 8, use_linear_projection=is_sd2(name),
        upcast_attention=is_sd2(name))
    vae = AutoencoderKL(block_out_channels=(32, 32), down_block_types=("DownEncoderBlock2D",) * 2, up_block_types=("UpDecoderBlock2D",) * 2,
                        latent_channels=4, layers_per_block=1, sample_size=768 if is_sd2(name) else 512)
    loud(unet, 1.4)
    loud(vae, 1.3)
    with torch.no_grad():
        vae.decoder.conv_out.weight.mul_(2.2)
    scheduler = PNDMScheduler() if kind is StableDiffusionPipeline and not is_sd2(name) else DDIMScheduler()
    pipeline = kind(vae=vae, text_encoder=text, tokenizer=tokens, unet=unet, scheduler=scheduler, safety_checker=None, feature_extractor=None,
                    requires_safety_checker=False)
    pipeline.to(torch.float16)
    pipeline.save_pretrained(f"{folder}/{name}", safe_serialization=True)
    with open(f"{folder}/{name}/scheduler/scheduler_config.json", "w", encoding="utf-8") as file:
        json.dump(SCHEDULER_OF_SD2 if is_sd2(name) else SCHEDULER_OF_INPAINTING if in_channels == 9 else SCHEDULER, file)
    return pipeline


def write_original(pipeline, file, name):
    below = original_layout.below
    tensors = below("model.diffusion_model.", original_layout.unet(pipeline.unet))
    tensors |= below("first_stage_model.", original_layout.vae(pipeline.vae))
    if is_sd2(name):
        tensors |= below("cond_stage_model.model.", original_layout.open_clip(pipeline.text_encoder))
        tensors["cond_stage_model.model.text_projection"] = torch.ones(TEXT_FEATURES, TEXT_FEATURES)
        tensors["cond_stage_model.model.logit_scale"] = torch.tensor(4.6)
    else:
        tensors |= below("cond_stage_model.transformer.", original_layout.clip(pipeline.text_encoder))
        # What the published files hold besides.
        tensors["cond_stage_model.transformer.text_model.embeddings.position_ids"] = torch.arange(77)[None]
        tensors["alphas_cumprod"] = torch.ones(8)
        tensors["model_ema.decay"] = torch.tensor(0.9999)
        tensors["model_ema.diffusion_modelout2bias"] = torch.ones(4)
    save_file({key: value.contiguous() for key, value in tensors.items()}, file)
    os.chmod(file, 0o644)


def compare(ours, theirs, name):
    """Every tensor, between the networks that were written and those that diffusers read."""
    for part in ("unet", "vae", "text_encoder"):
        expected, read = getattr(ours, part).state_dict(), getattr(theirs, part).state_dict()
        assert expected.keys() == read.keys(), (name, part)
        for key, value in expected.items():
            assert torch.equal(value.float(), read[key]), (name, part, key)


def open_file(file, config, name):
    pipeline = MODELS[name][3].from_single_file(file, config=config, torch_dtype=torch.float32, local_files_only=True, safety_checker=None)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def cases():
    base = dict(negative_prompt="green", guidance_scale=6.0, num_images=1)
    yield dict(base, name="one-file-sd1-pndm", model="one-file-sd1", prompt=PROMPTS[0], sampler="pndm", steps=7, width=40, height=24, seed=61, num_images=2)
    yield dict(base, name="one-file-sd1-euler", model="one-file-sd1", prompt=PROMPTS[1], sampler="euler", steps=6, width=24, height=56, seed=62)
    yield dict(base, name="one-file-sd1-ddim", model="one-file-sd1", prompt=PROMPTS[2], sampler="ddim", steps=5, width=56, height=40, seed=63)
    yield dict(base, name="one-file-sd1-redraw", model="one-file-sd1", prompt=PROMPTS[0], sampler="ddim", steps=8, width=72, height=40, seed=64,
               task="image_to_image", image="wide", strength=0.7)
    yield dict(base, name="one-file-sd2-v-ddim", model="one-file-sd2-v", prompt=PROMPTS[1], sampler="ddim", steps=6, width=56, height=24, seed=65, num_images=2)
    yield dict(base, name="one-file-sd2-v-euler", model="one-file-sd2-v", prompt=PROMPTS[0], sampler="euler", steps=7, width=24, height=40, seed=66)
    yield dict(base, name="one-file-sd2-v-euler-a", model="one-file-sd2-v", prompt=PROMPTS[3], sampler="euler_a", steps=5, width=72, height=24, seed=67)
    held = dict(base, model="one-file-inpaint", task="inpaint")
    yield dict(held, name="one-file-inpaint-pndm", prompt=PROMPTS[0], sampler="pndm", steps=6, width=40, height=24, seed=68, image="wide", strength=1.0, num_images=2)
    yield dict(held, name="one-file-inpaint-ddim", prompt=PROMPTS[1], sampler="ddim", steps=7, width=24, height=56, seed=69, image="tall", strength=0.8)
    yield dict(held, name="one-file-inpaint-euler", prompt=PROMPTS[3], sampler="euler_a", steps=5, width=72, height=40, seed=70, image="wide", strength=1.0)


def pictures(pipeline, case, inputs):
    pipeline.scheduler = SAMPLERS[case["sampler"]].from_config(pipeline.own_scheduler_config)
    size = dict(width=case["width"], height=case["height"])
    common = dict(negative_prompt=case["negative_prompt"], num_inference_steps=case["steps"], guidance_scale=case["guidance_scale"], output_type="np")
    result = []
    for i in range(case["num_images"]):
        common["generator"] = torch.Generator("cpu").manual_seed(case["seed"] + i)
        if "image" not in case:
            images = pipeline(case["prompt"], **size, **common).images
        elif case["task"] == "image_to_image":
            kind = StableDiffusionImg2ImgPipeline(**pipeline.components, requires_safety_checker=False)
            kind.set_progress_bar_config(disable=True)
            kind.scheduler = pipeline.scheduler.from_config(pipeline.own_scheduler_config)  # the constructor changes the one that it gets
            image = kind.image_processor.preprocess(Image.open(f"{inputs}/{case['image']}.png"), **size)
            images = kind(case["prompt"], image=image, strength=case["strength"], **common).images
        else:
            image, mask = (Image.open(f"{inputs}/{case['image']}{end}.png") for end in ("", "-mask"))
            images = pipeline(case["prompt"], image=image, mask_image=mask, strength=case["strength"], **size, **common).images
        result.append((images[0] * 255).round().astype("uint8"))
    return result


def task(case):
    if "image" not in case:
        return {}
    content = {"image": {"data": f"@{case['image']}.png"}, "strength": case["strength"]}
    if case["task"] == "inpaint":
        content["mask"] = {"data": f"@{case['image']}-mask.png"}
    return {case["task"]: content}


def make(goldens):
    """Needs the inputs of picture_cases."""
    with tempfile.TemporaryDirectory() as folder:
        pipelines = {}
        for name in MODELS:
            os.makedirs(f"{folder}/{name}", exist_ok=True)
            file = f"{goldens.folder}/models/{name}.safetensors"
            written = build(name, f"{folder}/{name}")
            write_original(written, file, name)
            pipelines[name] = open_file(file, f"{folder}/{name}/{name}", name)
            pipelines[name].own_scheduler_config = pipelines[name].scheduler.config
            compare(written, pipelines[name], name)
        for case in cases():
            pipeline = pipelines[case["model"]]
            # Another condition must show.
            goldens.write(dict(case, spec=task(case)), pictures(pipeline, case, f"{goldens.folder}/inputs"),
                          pictures(pipeline, dict(case, prompt="blue", negative_prompt="a red apple"), f"{goldens.folder}/inputs"))
