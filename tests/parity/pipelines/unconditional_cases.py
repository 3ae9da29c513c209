"""Cases of models that draw without any condition: DDPM over pixels, latent diffusion over a VQModel."""

import torch
from diffusers import DDIMPipeline, DDPMPipeline, LDMPipeline

import tiny_unconditional

NAME = "unconditional"


def cases():
    base = dict(spec=dict(unconditional={}), sigmas="default", steps=8, eta=0.0, num_images=1)
    yield dict(base, name="ddpm", model="tiny-ddpm", sampler="ddpm", width=16, height=24, seed=31, num_images=2)
    yield dict(base, name="ddpm-by-ddim", model="tiny-ddpm", sampler="ddim", width=16, height=24, seed=32, eta=0.4)
    yield dict(base, name="ddpm-learned-variance", model="tiny-ddpm-learned", sampler="ddpm", width=16, height=24, seed=33)
    yield dict(base, name="ddpm-wide", model="tiny-ddpm", sampler="ddpm", width=40, height=24, seed=36)
    yield dict(base, name="ddpm-learned-variance-small", model="tiny-ddpm-learned", sampler="ddpm", width=24, height=16, seed=37)
    yield dict(base, name="ldm", model="tiny-ldm", sampler="ddim", width=64, height=64, seed=34, num_images=2)
    # Without eta: LDMPipeline draws its noise from the global generator, whatever it is given.
    yield dict(base, name="ldm-more-steps", model="tiny-ldm", sampler="ddim", width=64, height=64, seed=35, steps=11)
    yield dict(base, name="ldm-larger", model="tiny-ldm", sampler="ddim", width=112, height=112, seed=38)
    yield dict(base, name="ldm-large", model="tiny-ldm", sampler="ddim", width=80, height=80, seed=39)


def pictures(folder, case):
    kind = LDMPipeline if case["model"] == "tiny-ldm" else DDIMPipeline if case["sampler"] == "ddim" else DDPMPipeline
    pipeline = kind.from_pretrained(f"{folder}/models/{case['model']}", torch_dtype=torch.float32)
    pipeline.set_progress_bar_config(disable=True)
    if kind is LDMPipeline:  # draws squares only
        pipeline.unet.register_to_config(sample_size=case["height"] // 4)
    else:
        pipeline.unet.register_to_config(sample_size=(case["height"], case["width"]))
    eta = {} if kind is DDPMPipeline else dict(eta=case["eta"])
    result = []
    for i in range(case["num_images"]):
        generator = torch.Generator("cpu").manual_seed(case["seed"] + i)
        image = pipeline(batch_size=1, num_inference_steps=case["steps"], generator=generator, output_type="np", **eta).images[0]
        result.append((image * 255).round().astype("uint8"))
    return result


def make(goldens):
    for model in tiny_unconditional.NAMES:
        tiny_unconditional.build(model, f"{goldens.folder}/models/{model}")
    for case in cases():
        goldens.write(case, pictures(goldens.folder, case))
