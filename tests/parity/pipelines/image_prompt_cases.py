"""Cases of image prompts: IP-Adapters of every kind, several pictures and adapters at once, beside other tasks, on two systems."""

import os
import shutil

import diffusers
import torch
from diffusers import (StableDiffusionImg2ImgPipeline, StableDiffusionPipeline,
                       StableDiffusionXLImg2ImgPipeline, StableDiffusionXLPipeline)
from PIL import Image
from safetensors.torch import save_file
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

import text_cases
from tiny_models import loud

NAME = "image_prompts"
SAMPLERS = text_cases.SAMPLERS
# Where each file is, below `adapters`: the first three share the image encoder beside them, as the authors publish theirs.
FILES = {"ip-base": "", "ip-plus": "", "ip-full-face": "", "ip-v": "ip-v", "ip-xl": "ip-xl"}
MODELS = {"tiny-epsilon": StableDiffusionPipeline, "tiny-v": StableDiffusionPipeline, "tiny-xl": StableDiffusionXLPipeline}


def open_pipeline(folder, model):
    pipeline = MODELS[model].from_pretrained(f"{folder}/models/{model}", torch_dtype=torch.float32)
    pipeline.set_progress_bar_config(disable=True)
    pipeline.own_scheduler_config = pipeline.scheduler.config
    return pipeline


def build_encoder(folder, seed, **changes):
    torch.manual_seed(seed)
    config = dict(hidden_size=24, intermediate_size=48, num_hidden_layers=3, num_attention_heads=3, image_size=28, patch_size=7, projection_dim=20)
    encoder = CLIPVisionModelWithProjection(CLIPVisionConfig(**config | changes))
    loud(encoder, 6.0)
    encoder.to(torch.float16).save_pretrained(folder, safe_serialization=True)
    return encoder.config


def linear(*shape, strength=1.0):
    """As loud as a layer's default initialisation, times `strength`."""
    return strength * (2 * torch.rand(shape) - 1) * (3 / shape[-1]) ** 0.5


def norm(name, count):
    return {f"{name}.weight": 1 + 0.3 * torch.randn(count), f"{name}.bias": 0.3 * torch.randn(count)}


def base(encoder, features):
    return {"proj.weight": linear(4 * features, encoder.projection_dim), "proj.bias": linear(4 * features)} | norm("norm", features)


def full_face(encoder, features):
    hidden = encoder.hidden_size
    return {"proj.0.weight": linear(hidden, hidden), "proj.0.bias": linear(hidden), "proj.2.weight": linear(features, hidden),
            "proj.2.bias": linear(features)} | norm("proj.3", features)


def plus(encoder, features, tokens=6, hidden=16, heads=2):
    inner = 64 * heads
    state = {"latents": torch.randn(1, tokens, hidden), "proj_in.weight": linear(hidden, encoder.hidden_size), "proj_in.bias": linear(hidden),
             "proj_out.weight": linear(features, hidden), "proj_out.bias": linear(features)} | norm("norm_out", features)
    for i in range(4):
        at = f"layers.{i}"
        state |= norm(f"{at}.0.norm1", hidden) | norm(f"{at}.0.norm2", hidden) | norm(f"{at}.1.0", hidden)
        state |= {f"{at}.0.to_q.weight": linear(inner, hidden), f"{at}.0.to_kv.weight": linear(2 * inner, hidden),
                  f"{at}.0.to_out.weight": linear(hidden, inner), f"{at}.1.1.weight": linear(4 * hidden, hidden),
                  f"{at}.1.3.weight": linear(hidden, 4 * hidden)}
    return state


def write_adapter(path, unet, projection, strength):
    """An IP-Adapter's file as the authors publish it. Attentions are counted in pairs, in the reference's order."""
    state = {f"image_proj.{name}": tensor for name, tensor in projection.items()}
    crossed = [name for name in unet.attn_processors if name.endswith("attn2.processor")]
    modules = dict(unet.named_modules())
    for i, name in enumerate(crossed):
        weight = modules[name.removesuffix(".processor")].to_k.weight
        state[f"ip_adapter.{2 * i + 1}.to_k_ip.weight"] = linear(*weight.shape)
        state[f"ip_adapter.{2 * i + 1}.to_v_ip.weight"] = linear(*weight.shape, strength=strength)
    save_file({name: tensor.to(torch.float16).contiguous() for name, tensor in state.items()}, path)


def write_files(folder):
    adapters = f"{folder}/adapters"
    for name in ("image_encoder", "ip-v", "ip-xl"):
        shutil.rmtree(f"{adapters}/{name}", ignore_errors=True)
    for name in ("ip-v", "ip-xl"):
        os.makedirs(f"{adapters}/{name}")
    unets = {model: open_pipeline(folder, model).unet for model in MODELS}
    encoder = build_encoder(f"{adapters}/image_encoder", 70)
    write_adapter(f"{adapters}/ip-base.safetensors", unets["tiny-epsilon"], base(encoder, 32), 0.8)
    write_adapter(f"{adapters}/ip-plus.safetensors", unets["tiny-epsilon"], plus(encoder, 32), 0.8)
    write_adapter(f"{adapters}/ip-full-face.safetensors", unets["tiny-epsilon"], full_face(encoder, 32), 0.8)
    encoder = build_encoder(f"{adapters}/ip-v/image_encoder", 71, hidden_act="gelu", image_size=30, patch_size=8)
    write_adapter(f"{adapters}/ip-v/adapter.safetensors", unets["tiny-v"], base(encoder, 32), 0.8)
    encoder = build_encoder(f"{adapters}/ip-xl/image_encoder", 72)
    write_adapter(f"{adapters}/ip-xl/ip-adapter.safetensors", unets["tiny-xl"], plus(encoder, 40, tokens=3), 0.8)


def cases():
    common = dict(prompt="a red apple", negative_prompt="green", guidance_scale=5.0, guidance_rescale=0.0, eta=0.0, num_images=1,
                  sigmas="default", model="tiny-epsilon", sampler="ddim", steps=6, width=72, height=56)
    number = 0

    def case(name, prompts, **changes):
        nonlocal number
        number += 1
        return dict(common, name=f"image-prompt-{name}", seed=1000 + number, prompts=prompts, **changes)

    yield case("base", [("ip-base", "wide", 0.8)])
    yield case("plus", [("ip-plus", "tall", 1.0)], sampler="euler", width=40, height=88)
    yield case("full-face", [("ip-full-face", "wide", 0.7)], sampler="dpmpp_2m", width=88, height=40, steps=5)
    yield case("own-encoder", [("ip-v", "tall", 0.9)], model="tiny-v", width=56, height=104)
    yield case("two-adapters", [("ip-base", "wide", 0.6), ("ip-plus", "tall", 0.5)], num_images=2, width=56, height=72)
    yield case("two-pictures", [("ip-plus", "wide", 0.8), ("ip-plus", "tall", 0.8)], sampler="euler_a")
    yield case("two-scales", [("ip-base", "wide", 0.9), ("ip-base", "tall", -0.4)], sampler="heun", steps=4)
    yield case("unguided", [("ip-base", "tall", 1.0)], guidance_scale=1.0, width=136, height=128, steps=5)
    yield case("img2img", [("ip-base", "tall", 0.8)], image="wide", strength=0.7)
    yield case("xl", [("ip-xl", "wide", 0.7)], model="tiny-xl", sampler="euler")
    yield case("xl-img2img", [("ip-xl", "tall", 0.9)], model="tiny-xl", sampler="euler", image="wide", strength=0.6, width=88, height=56)


def apply(pipeline, folder, prompts):
    """Loads the adapters; what the pipeline is called with. Entries of one adapter with one scale are one list of pictures."""
    lists = {}
    for name, picture, scale in prompts:
        lists.setdefault((name, scale), []).append(Image.open(f"{folder}/inputs/{picture}.png"))
    if not lists:
        return {}
    subfolder = {FILES[name] for name, _ in lists}.pop()
    names = {"ip-v": "adapter", "ip-xl": "ip-adapter"}
    pipeline.load_ip_adapter(f"{folder}/adapters", subfolder=subfolder, weight_name=[f"{names.get(name, name)}.safetensors" for name, _ in lists])
    pipeline.set_ip_adapter_scale([scale for _, scale in lists])
    return dict(ip_adapter_image=list(lists.values()))


def pictures(folder, case, prompts):
    pipeline = open_pipeline(folder, case["model"])
    own = pipeline.own_scheduler_config
    arguments = apply(pipeline, folder, prompts)
    size = dict(width=case["width"], height=case["height"])
    if "image" in case:
        xl = case["model"] == "tiny-xl"
        more = {} if xl else dict(requires_safety_checker=False)
        pipeline = (StableDiffusionXLImg2ImgPipeline if xl else StableDiffusionImg2ImgPipeline)(**pipeline.components, **more)
        picture = Image.open(f"{folder}/inputs/{case['image']}.png")
        arguments |= dict(image=pipeline.image_processor.preprocess(picture, **size), strength=case["strength"])
    else:
        arguments |= size
    pipeline.scheduler = SAMPLERS[case["sampler"]].from_config(own)
    pipeline.set_progress_bar_config(disable=True)
    made = []
    for i in range(case["num_images"]):
        generator = torch.Generator("cpu").manual_seed(case["seed"] + i)
        image = pipeline(case["prompt"], negative_prompt=case["negative_prompt"], num_inference_steps=case["steps"], output_type="np",
                         guidance_scale=case["guidance_scale"], eta=case["eta"], generator=generator, **arguments).images[0]
        made.append((image * 255).round().astype("uint8"))
    return made


def spec(case):
    more = dict(image_prompts=[{"name": name, "image": {"data": f"@{picture}.png"}, "scale": scale} for name, picture, scale in case["prompts"]])
    if "image" in case:
        more["image_to_image"] = dict(image={"data": f"@{case['image']}.png"}, strength=case["strength"])
    return more


def make(goldens):
    """Needs the models of text_cases and sdxl_cases, and the inputs of picture_cases."""
    diffusers.utils.logging.set_verbosity_error()
    write_files(goldens.folder)
    for case in cases():
        goldens.write(dict(case, spec=spec(case)), pictures(goldens.folder, case, case["prompts"]), pictures(goldens.folder, case, []))
