"""Cases of phrases in boxes (GLIGEN): how many boxes, how long they count, one side and two, samplers of several evaluations a step."""

import os
import shutil

import diffusers
import torch
from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionGLIGENPipeline, UNet2DConditionModel
from diffusers.models.attention import GatedSelfAttentionDense
from safetensors.torch import load_file, save_file
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

import lora_cases
import text_cases
from tiny_models import loud, write_tokenizer

NAME = "boxes"
MODEL = "tiny-gligen"
LORA = "lora-gated"
TWO = [("a red apple", (0.1, 0.05, 0.45, 0.9)), ("the green house in the morning", (0.5, 0.25, 1.0, 0.75))]
SAMPLERS = text_cases.SAMPLERS


def build(folder):
    torch.manual_seed(71)
    vocab = write_tokenizer(f"{folder}/tokenizer", "<|endoftext|>")
    text = CLIPTextModel(CLIPTextConfig(
        vocab_size=vocab, hidden_size=24, intermediate_size=48, num_hidden_layers=3, num_attention_heads=4, max_position_embeddings=77,
        hidden_act="quick_gelu", bos_token_id=vocab - 2, eos_token_id=vocab - 1, pad_token_id=vocab - 1, projection_dim=24))
    unet = UNet2DConditionModel(
        sample_size=8, in_channels=4, out_channels=4, block_out_channels=(16, 24), layers_per_block=1, attention_type="gated",
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"), up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"), cross_attention_dim=24,
        norm_num_groups=8, attention_head_dim=[2, 3])
    levels = (8, 8, 16, 16)
    vae = AutoencoderKL(
        block_out_channels=levels, down_block_types=("DownEncoderBlock2D",) * len(levels), up_block_types=("UpDecoderBlock2D",) * len(levels),
        latent_channels=4, layers_per_block=1, norm_num_groups=8, sample_size=64, scaling_factor=0.18215)
    loud(text, 3.0)
    loud(unet, 1.4)
    loud(vae, 1.3)
    with torch.no_grad():
        vae.decoder.conv_out.weight.mul_(2.2)
        for module in unet.modules():
            if isinstance(module, GatedSelfAttentionDense):
                module.alpha_attn.fill_(0.9)
                module.alpha_dense.fill_(-0.6)
                for layer, factor in ((module.linear, 4), (module.attn.to_q, 2), (module.attn.to_k, 2), (module.attn.to_v, 3),
                                      (module.attn.to_out[0], 3)):
                    layer.weight.mul_(factor)
        for parameter in (unet.position_net.null_positive_feature, unet.position_net.null_position_feature):
            parameter.normal_()
        for layer in (0, 2, 4):
            unet.position_net.linears[layer].weight.mul_(2)
    # Its offset of 0 is kept by this pipeline; Stable Diffusion's would change it.
    scheduler = DDIMScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", num_train_timesteps=1000, clip_sample=False,
                              set_alpha_to_one=False, steps_offset=0)
    pipeline = StableDiffusionGLIGENPipeline(vae=vae, text_encoder=text, tokenizer=CLIPTokenizer.from_pretrained(f"{folder}/tokenizer"),
                                             unet=unet, scheduler=scheduler, safety_checker=None, feature_extractor=None,
                                             requires_safety_checker=False)
    pipeline.to(torch.float16)
    pipeline.save_pretrained(folder, safe_serialization=True)


def write_lora(folder):
    """For every layer, those of the gated attention among them."""
    torch.manual_seed(72)
    unet = UNet2DConditionModel.from_pretrained(f"{folder}/models/{MODEL}", subfolder="unet", torch_dtype=torch.float32)
    state, _ = lora_cases.adapt(unet, 2, 2, list(lora_cases.layers_of(unet)), 0.3)
    save_file(lora_cases.half({f"unet.{name}": tensor for name, tensor in state.items()}), f"{folder}/adapters/{LORA}.safetensors")


def many(count):
    """Boxes in rows of six, each with a phrase of its own."""
    words = ["red", "green", "apple", "house", "the morning", "a thing", "orange"]
    return [(f"{words[i % 7]} in {words[(i // 7 + 3) % 7]}", (i % 6 / 6, i // 6 / 5, i % 6 / 6 + 0.15, i // 6 / 5 + 0.19)) for i in range(count)]


def cases():
    base = dict(model=MODEL, prompt="an apple and the house", negative_prompt="orange", guidance_scale=6.0, guidance_rescale=0.0, eta=0.0,
                num_images=1, sampler="ddim", sigmas="default", steps=9, width=72, height=56)
    number = 0

    def case(name, boxes, beta=None, **changes):
        nonlocal number
        number += 1
        spec = {"loras": [{"name": LORA, "scale": changes["lora"]}]} if "lora" in changes else {}
        if boxes:
            spec["boxes_to_image"] = {"boxes": [dict(phrase=phrase, x0=box[0], y0=box[1], x1=box[2], y1=box[3]) for phrase, box in boxes]}
            if beta is not None:
                spec["boxes_to_image"]["scheduled_sampling_beta"] = beta
        return dict(base, name=f"boxes-{name}", seed=1300 + number, boxes=boxes, beta=beta, spec=spec, **changes)

    yield case("two", TWO, num_images=2)
    yield case("all-steps", TWO[:1], 1.0, width=40, height=88, sampler="euler")
    yield case("two-evaluations", TWO, 0.5, sampler="heun", width=56, height=104, steps=5)
    yield case("warm-up", TWO[::-1], 0.45, sampler="pndm", width=88, height=40, steps=7)
    yield case("thirty", many(30), 0.6, sampler="dpmpp_2m", width=64, height=72)
    yield case("unguided", TWO, 0.8, guidance_scale=1.0, width=104, height=56, sampler="euler_a")
    yield case("clip-skip", TWO, 1.0, clip_skip=1, literal_prompt=True, eta=0.5)
    yield case("long-phrase", [("a red apple in the green house in the morning " * 4, (0.0, 0.0, 1.0, 0.5))], 1.0, width=56, height=56)
    yield case("none-of-the-steps", TWO, 0.0)
    yield case("lora", TWO, 0.7, lora=0.6, width=64, height=56, sampler="euler")
    yield case("text-alone", [], width=72, height=64, steps=6)


def pictures(folder, case):
    pipeline = StableDiffusionGLIGENPipeline.from_pretrained(f"{folder}/models/{MODEL}", torch_dtype=torch.float32)
    pipeline.set_progress_bar_config(disable=True)
    object.__setattr__(pipeline.text_encoder, "text_model", pipeline.text_encoder)  # see text_cases.open_pipelines
    pipeline.scheduler = SAMPLERS[case["sampler"]].from_config(pipeline.scheduler.config)
    if "lora" in case:
        pipeline.unet.load_lora_adapter(load_file(f"{folder}/adapters/{LORA}.safetensors"), prefix="unet", adapter_name=LORA)
        pipeline.unet.set_adapters([LORA], [case["lora"]])
    # Without boxes the reference has no phrases to encode: any, for none of the steps.
    boxes, beta = (case["boxes"], case["beta"]) if case["boxes"] else (TWO, 0.0)
    generators = [torch.Generator("cpu").manual_seed(case["seed"] + i) for i in range(case["num_images"])]
    result = pipeline(case["prompt"], negative_prompt=case["negative_prompt"], width=case["width"], height=case["height"],
                      num_inference_steps=case["steps"], guidance_scale=case["guidance_scale"], eta=case["eta"],
                      gligen_phrases=[phrase for phrase, _ in boxes], gligen_boxes=[list(box) for _, box in boxes],
                      gligen_scheduled_sampling_beta=0.3 if beta is None else beta, num_images_per_prompt=case["num_images"],
                      generator=generators, clip_skip=case.get("clip_skip"), output_type="np").images
    return [(image * 255).round().astype("uint8") for image in result]


def other(case):
    """The same phrases elsewhere; without boxes, other words."""
    moved = [(phrase, (1 - box[2], 1 - box[3], 1 - box[0], 1 - box[1])) for phrase, box in case["boxes"]]
    return dict(case, boxes=moved) if moved and case["beta"] != 0 else dict(case, prompt="green")


def make(goldens):
    """Needs the folder of lora_cases' files."""
    folder = f"{goldens.folder}/models/{MODEL}"
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    build(folder)
    write_lora(goldens.folder)
    diffusers.utils.logging.set_verbosity_error()  # the pipeline is deprecated
    for case in cases():
        goldens.write(case, pictures(goldens.folder, case), pictures(goldens.folder, other(case)))
