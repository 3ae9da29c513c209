"""Cases of prompts with weights, of several windows, with skipped layers, and of literal ones.

diffusers reads no weights: StableDiffusionPipeline is given what ../text/weighted_prompts.py makes of the prompts. The models are those of
the text cases with another last normalisation in the text encoder, since states of mean 0 have no mean that could be restored.
"""

import contextlib
import os
import shutil
import sys

import torch
from diffusers import StableDiffusionPipeline
from transformers import CLIPTextModel

import text_cases

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../text"))
import weighted_prompts  # noqa: E402

NAME = "prompts"
# name -> the model it is made from: one pads with the end token, the other with "!"
MODELS = {"tiny-prompts": "tiny-epsilon", "tiny-prompts-v": "tiny-v"}
SIZES = [(72, 56), (40, 88), (56, 104), (64, 72)]

LONG = "the red apple, a green house in the morning, " * 6           # 2 windows
LONGER = "(the red apple:1.3), in [the] house, a green thing, " * 18  # 5 windows


def build(name, folder, base):
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(base, folder)
    encoder = CLIPTextModel.from_pretrained(base, subfolder="text_encoder", torch_dtype=torch.float32)
    generator = torch.Generator().manual_seed(40 + list(MODELS).index(name))
    norm = encoder.final_layer_norm
    norm.weight.data = 1 + 0.3 * torch.randn(norm.weight.shape, generator=generator)
    norm.bias.data = 0.5 + 0.3 * torch.randn(norm.bias.shape, generator=generator)
    encoder.half().save_pretrained(f"{folder}/text_encoder")


def cases():
    number = 0

    def case(name, prompt, negative="", literal=False, **changes):
        nonlocal number
        width, height = SIZES[number % len(SIZES)]
        number += 1
        return dict(name=name, prompt=prompt, negative_prompt=negative, model=list(MODELS)[number % 2], width=width, height=height,
                    seed=900 + number, steps=6, sampler=["ddim", "euler", "dpmpp_2m"][number % 3], sigmas="default", guidance_scale=6.0,
                    guidance_rescale=0.0, eta=0.0, num_images=1, spec=dict(literal_prompt=True) if literal else {}) | changes

    yield case("weights-more", "a (red:1.5) apple, (((green))) house")
    yield case("weights-less", "a [[[red]]] apple, (the green:0.4) house", "in (the:0.3) morning")
    yield case("weights-negative-side", "a red apple", "(green:1.6) [house]", num_images=2)
    yield case("weights-zero-and-below", r"a (red:0) apple \(in (the morning:-0.6)\)", "green")
    yield case("weights-unguided", "a (red:2.5) [[[apple]]]", guidance_scale=1.0)
    yield case("weights-clip-skip", "a (red:1.5) apple", "the (green:0.5) house", clip_skip=1)
    yield case("break-both", "a red apple BREAK the (green house:1.3)", "in the morning BREAK BREAK orange")
    yield case("break-one", "a red apple BREAK the green house", "orange")
    yield case("long-positive", LONG, "green")
    yield case("long-negative", "a red apple", LONG + "(orange house:2)")
    yield case("long-weights-both", LONGER, LONG)
    yield case("long-weights-unguided", LONGER, guidance_scale=1.0)
    yield case("long-clip-skip", LONG + "BREAK " + LONGER, "green", clip_skip=2)
    yield case("skipped-on-both-sides", "a red apple", "the green house", clip_skip=1)
    yield case("literal-syntax", "a (red:1.5) apple BREAK [[green]] house", "(orange:0.5)", literal=True)
    yield case("literal-unbalanced", "a ((red apple :)", "in the] morning", literal=True)
    yield case("literal-long", LONG, LONGER, literal=True)
    yield case("literal-clip-skip", "a (red:1.5) apple", "(the green house:0.5)", literal=True, clip_skip=1)


@contextlib.contextmanager
def sides(pipeline, contexts):
    """Within it the U-Net looks at `contexts`, one for each side of the guidance. The pipeline has them in one batch, and would want them
    of one length: here each has a forward of its own."""
    unet = pipeline.unet
    whole = unet.forward

    def forward(sample, timestep, encoder_hidden_states, **options):
        parts = sample.chunk(len(contexts))
        return (torch.cat([whole(part, timestep, encoder_hidden_states=context.expand(len(part), -1, -1), **options)[0]
                           for part, context in zip(parts, contexts)]),)

    unet.forward = forward
    try:
        yield
    finally:
        unet.forward = whole


def pictures(pipeline, case):
    if case["spec"].get("literal_prompt"):
        return text_cases.pictures(pipeline, case)
    texts = ([case["negative_prompt"]] if case["guidance_scale"] > 1 else []) + [case["prompt"]]
    contexts = [weighted_prompts.states(pipeline.tokenizer, pipeline.text_encoder, text, case.get("clip_skip", 0)) for text in texts]
    with sides(pipeline, contexts):
        return text_cases.pictures(pipeline, dict(case, prompt="", negative_prompt=""))


def other(case):
    """The same words without syntax, which must give another picture."""
    plain = [" ".join(piece[0] for piece in weighted_prompts.parse(case[side]) if piece is not None) for side in ("prompt", "negative_prompt")]
    return dict(case, prompt=plain[0], negative_prompt=plain[1], spec={}, clip_skip=0)


def make(goldens):
    pipelines = {}
    for name, base in MODELS.items():
        folder = f"{goldens.folder}/models/{name}"
        build(name, folder, f"{goldens.folder}/models/{base}")
        pipeline = StableDiffusionPipeline.from_pretrained(folder, torch_dtype=torch.float32)
        pipeline.set_progress_bar_config(disable=True)
        object.__setattr__(pipeline.text_encoder, "text_model", pipeline.text_encoder)
        pipeline.own_scheduler_config = pipeline.scheduler.config
        pipelines[name] = pipeline
    for case in cases():
        pipeline = pipelines[case["model"]]
        others = other(case) if case["prompt"] not in (LONG,) and case["name"] != "literal-unbalanced" else dict(case, prompt="green")
        goldens.write(case, pictures(pipeline, case), pictures(pipeline, others))
