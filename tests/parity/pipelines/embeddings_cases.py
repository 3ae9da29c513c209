"""Cases of textual inversion: files of both styles and of Stable Diffusion XL, one vector and several, in either prompt, with weights, several
windows, skipped layers and a LoRA.

diffusers adds the tokens to the tokenizer and the encoder's table (load_textual_inversion). Weighted prompts, which it does not have, are given
as in prompt_cases, after maybe_convert_prompt has spelled tokens of several vectors out.
"""

import os
import shutil
import subprocess
import sys
import tempfile

import torch
from diffusers import StableDiffusionPipeline, StableDiffusionXLPipeline
from safetensors.torch import load_file, save_file

import lora_cases
import prompt_cases
import text_cases

NAME = "embeddings"
XL = "tiny-xl"
LONG = "the red apple, a green house in the morning, " * 3


def vectors(generator, *shape):
    """As loud as the tiny encoders' own tables, and a little more."""
    return (0.12 * torch.randn(*shape, generator=generator)).half()


def write_files(folder):
    os.makedirs(f"{folder}/adapters", exist_ok=True)
    generator = torch.Generator().manual_seed(61)
    files = {
        "toy": {"<cat-toy>": vectors(generator, 32)},                        # diffusers' style: one vector
        "toys": {"<Many Toys>": vectors(generator, 3, 32)},                  # several; case does not matter, and there may be a space
        "toy-xl": {"clip_l": vectors(generator, 2, 16), "clip_g": vectors(generator, 2, 24)},
    }
    for name, tensors in files.items():
        save_file(tensors, f"{folder}/adapters/{name}.safetensors")
    convert(pickled(vectors(generator, 4, 32)), f"{folder}/adapters/bad-hands.safetensors")


def pickled(embedding):
    """A file of AUTOMATIC1111's web UI; the token is the name that it will have."""
    return {"string_to_token": {"*": torch.tensor(265)}, "string_to_param": {"*": torch.nn.Parameter(embedding)}, "name": "something else",
            "step": 500, "sd_checkpoint": None, "sd_checkpoint_name": None}


def convert(content, target):
    with tempfile.TemporaryDirectory() as folder:
        torch.save(content, f"{folder}/embedding.pt")
        program = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../deploy/convert.py")
        subprocess.run([sys.executable, program, f"{folder}/embedding.pt"], check=True, stdout=subprocess.DEVNULL)
        shutil.copyfile(f"{folder}/embedding.safetensors", target)


def token_and_tensors(folder, name):
    tensors = load_file(f"{folder}/adapters/{name}.safetensors")
    token = next(iter(tensors))
    return (name if token in ("emb_params", "clip_g", "clip_l") else token), tensors


def cases():
    base = dict(negative_prompt="green", guidance_scale=6.0, guidance_rescale=0.0, eta=0.0, num_images=1, sigmas="default", steps=6,
                width=72, height=56, sampler="ddim")
    number = 0

    def case(name, embeddings, loras=(), **changes):
        nonlocal number
        number += 1
        spec = dict(embeddings=embeddings) | changes.pop("spec", {})
        if loras:
            spec["loras"] = [{"name": lora, "scale": scale} for lora, scale in loras]
        return dict(base, name=f"embeddings-{name}", seed=1100 + number, spec=spec, **changes)

    literal = dict(literal_prompt=True)
    yield case("one-vector", ["toy"], model="tiny-prompts", prompt="a <cat-toy> house", num_images=2, **literal)
    yield case("several-vectors", ["toys"], model="tiny-prompts-v", prompt="the <many toys> in the red house", width=40, height=88,
               sampler="euler", **literal)
    yield case("negative-side", ["bad-hands"], model="tiny-prompts", prompt="a red apple", negative_prompt="green, bad-hands", width=56,
               height=104, sampler="dpmpp_2m", **literal)
    yield case("three", ["toys", "toy", "bad-hands"], model="tiny-prompts-v", prompt="a<cat-toy>apple, <many toys>",
               negative_prompt="bad-hands", width=64, height=72, **literal)
    yield case("weights", ["toy", "bad-hands"], model="tiny-prompts", prompt="a (<cat-toy>:1.5) [apple]",
               negative_prompt="(bad-hands:1.3) house", width=88, height=40)
    yield case("windows", ["toys"], model="tiny-prompts-v", prompt=LONG + "(<many toys>:1.2), " + LONG, width=56, height=40, sampler="euler")
    yield case("clip-skip", ["toy", "toys"], model="tiny-prompts", prompt="the <cat-toy> in <many toys>", clip_skip=1, guidance_scale=1.0,
               **literal)
    yield case("lora", ["toys"], [("lora-everything", 0.8)], model="tiny-v", prompt="a <many toys> apple", width=56, height=104, **literal)
    yield case("cut", ["toys"], model="tiny-prompts-v", prompt="<many toys>" + "a red apple, " * 17 + "red house <many toys>", **literal)
    xl = dict(model=XL, sampler="euler", guidance_scale=5.0)
    yield case("xl", ["toy-xl"], prompt="a toy-xl house", num_images=2, **xl, **literal)
    yield case("xl-two-prompts", ["toy-xl"], prompt="a red apple", negative_prompt="toy-xl", width=40, height=88, **xl, **literal,
               spec=dict(prompt_2="toy-xl in the morning", negative_prompt_2="the green house"))
    yield case("xl-clip-skip", ["toy-xl"], prompt="the toy-xl, the toy-xl", clip_skip=1, width=104, height=56, **xl, **literal)


def pictures(folder, case):
    model = f"{folder}/models/{case['model']}"
    pipeline = StableDiffusionPipeline.from_pretrained(model, torch_dtype=torch.float32)
    pipeline.set_progress_bar_config(disable=True)
    pipeline.own_scheduler_config = pipeline.scheduler.config
    for name in case["spec"]["embeddings"]:
        token, tensors = token_and_tensors(folder, name)
        # The tokenizer lowers the case of what it looks for, and maybe_convert_prompt does not.
        pipeline.load_textual_inversion(next(iter(tensors.values())), token=token.lower())
    lora_cases.load(pipeline, folder, case["spec"].get("loras", []))
    object.__setattr__(pipeline.text_encoder, "text_model", pipeline.text_encoder)  # see text_cases.open_pipelines
    if case.get("literal_prompt"):
        return text_cases.pictures(pipeline, case)
    spelled = {side: pipeline.maybe_convert_prompt(case[side], pipeline.tokenizer) for side in ("prompt", "negative_prompt")}
    return prompt_cases.pictures(pipeline, dict(case, **spelled))


def pictures_xl(folder, case):
    pipeline = StableDiffusionXLPipeline.from_pretrained(f"{folder}/models/{XL}", torch_dtype=torch.float32)
    pipeline.set_progress_bar_config(disable=True)
    for name in case["spec"]["embeddings"]:
        token, tensors = token_and_tensors(folder, name)
        pipeline.load_textual_inversion(tensors["clip_l"], token=token, text_encoder=pipeline.text_encoder, tokenizer=pipeline.tokenizer)
        pipeline.load_textual_inversion(tensors["clip_g"], token=token, text_encoder=pipeline.text_encoder_2, tokenizer=pipeline.tokenizer_2)
    generators = [torch.Generator("cpu").manual_seed(case["seed"] + i) for i in range(case["num_images"])]
    result = pipeline(case["prompt"], negative_prompt=case["negative_prompt"], prompt_2=case["spec"].get("prompt_2"),
                      negative_prompt_2=case["spec"].get("negative_prompt_2"), width=case["width"], height=case["height"],
                      num_inference_steps=case["steps"], guidance_scale=case["guidance_scale"], num_images_per_prompt=case["num_images"],
                      generator=generators, clip_skip=case.get("clip_skip"), output_type="np").images
    return [(image * 255).round().astype("uint8") for image in result]


def without(case):
    """The same words where no embedding stands for any of them."""
    return dict(case, spec=case["spec"] | dict(embeddings=[]))


def make(goldens):
    """Needs the models of prompt_cases and sdxl_cases, and the files of lora_cases."""
    write_files(goldens.folder)
    for case in cases():
        made = pictures_xl if case["model"] == XL else pictures
        goldens.write(case, made(goldens.folder, case), made(goldens.folder, without(case)))
