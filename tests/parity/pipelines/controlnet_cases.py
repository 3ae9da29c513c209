"""Cases of ControlNets: one and several, in shares of the steps, with every task, from folders and from one file, and of
Stable Diffusion XL."""

import os
import shutil
import sys
import tempfile

import torch
from diffusers import (ControlNetModel, LCMScheduler, StableDiffusionControlNetImg2ImgPipeline, StableDiffusionControlNetInpaintPipeline,
                       StableDiffusionControlNetPipeline, StableDiffusionInpaintPipeline, StableDiffusionXLControlNetImg2ImgPipeline,
                       StableDiffusionXLControlNetInpaintPipeline, StableDiffusionXLControlNetPipeline, StableDiffusionXLPipeline)
from PIL import Image
from safetensors.torch import save_file

import lora_cases
import picture_cases
import text_cases
import tiny_sdxl
from tiny_models import loud

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../weights"))
import original_layout  # noqa: E402

NAME = "controlnet"
XL = "tiny-xl"
SAMPLERS = text_cases.SAMPLERS | {"lcm": LCMScheduler}
# As the U-Nets of the models that they are for.
EPSILON = dict(block_out_channels=(16, 32), layers_per_block=2, down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"), cross_attention_dim=32,
               norm_num_groups=8, attention_head_dim=4, conditioning_embedding_out_channels=(4, 8, 8, 12))
CONTROLNETS = {
    "control": EPSILON,
    "control-bgr": dict(EPSILON, controlnet_conditioning_channel_order="bgr", conditioning_embedding_out_channels=(6, 4, 8, 8)),
    "control-inpaint": dict(EPSILON, layers_per_block=1),
    "control-original": dict(EPSILON, attention_head_dim=[2, 4], use_linear_projection=True),
    "control-xl": dict(EPSILON, block_out_channels=(16, 16, 24), layers_per_block=1, cross_attention_dim=40, use_linear_projection=True,
                       down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"), attention_head_dim=[2, 2, 3],
                       transformer_layers_per_block=[1, 1, 2], addition_embed_type="text_time", addition_time_embed_dim=8,
                       projection_class_embeddings_input_dim=tiny_sdxl.PROJECTION + 6 * 8),
}


def build(seed, config):
    torch.manual_seed(seed)
    network = ControlNetModel(**config)
    loud(network, 1.4)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if not name.startswith(("controlnet_down_blocks", "controlnet_mid_block", "controlnet_cond_embedding.conv_out")):
                continue  # those begin at zero
            if parameter.ndim == 1:
                parameter.uniform_(-0.1, 0.1)
            else:
                torch.nn.init.kaiming_uniform_(parameter, a=1)
        network.controlnet_cond_embedding.conv_in.weight.mul_(3)  # the picture must show
        network.controlnet_cond_embedding.conv_out.weight.mul_(80)
    return network.to(torch.float16).eval()


def original(network):
    """Under the names of the original layout; the way down has those of a U-Net."""
    tensors, names = {}, network.state_dict()
    hints = len(network.config.conditioning_embedding_out_channels) * 2 - 2
    for name, value in names.items():
        part, parameter = name.rsplit(".", 1)
        if part == "controlnet_mid_block":
            name = f"middle_block_out.0.{parameter}"
        elif part.startswith("controlnet_down_blocks"):
            name = f"zero_convs.{part.split('.')[1]}.0.{parameter}"
        elif part.startswith("controlnet_cond_embedding"):
            layer = part.split(".", 1)[1]
            number = 0 if layer == "conv_in" else hints + 1 if layer == "conv_out" else int(layer.split(".")[1]) + 1
            name = f"input_hint_block.{2 * number}.{parameter}"
        else:
            name = original_layout.unet_name(name, network.config.layers_per_block, names)
        tensors[f"control_model.{name}"] = value.contiguous()
    return tensors


def write_controlnets(folder):
    """Name to network, in float32, as diffusers reads the files."""
    read = {}
    for seed, (name, config) in enumerate(CONTROLNETS.items(), 90):
        network = build(seed, config)
        path = f"{folder}/adapters/{name}"
        if name != "control-original":
            shutil.rmtree(path, ignore_errors=True)
            variant = "fp16" if name == "control-bgr" else None
            network.save_pretrained(path, variant=variant)
            read[name] = ControlNetModel.from_pretrained(path, variant=variant, torch_dtype=torch.float32)
            continue
        save_file(original(network), f"{path}.safetensors")
        os.chmod(f"{path}.safetensors", 0o644)
        with tempfile.TemporaryDirectory() as saved:
            network.save_pretrained(saved)
            read[name] = ControlNetModel.from_single_file(f"{path}.safetensors", config=saved, torch_dtype=torch.float32, local_files_only=True)
        for key, value in network.state_dict().items():
            assert torch.equal(value.float(), read[name].state_dict()[key]), key
    return read


def control(name, image="wide", **options):
    return dict(name=name, image={"data": f"@{image}.png"}, **options)


def cases():
    base = dict(model="tiny-epsilon", prompt="a red apple", negative_prompt="green", guidance_scale=5.0, num_images=1, sampler="ddim",
                sigmas="default", steps=6, width=72, height=56, image="wide")
    number = 0

    def case(name, controls, **changes):
        nonlocal number
        number += 1
        return dict(base, name=f"control-{name}", seed=900 + number, controls=controls, **changes)

    yield case("text", [control("control")], num_images=2)
    yield case("text-tall", [control("control", "tall", scale=0.6)], sampler="euler", width=40, height=88)
    yield case("stretched", [control("control", "wide-mask", scale=1.3)], sampler="euler_a", width=104, height=40, steps=7)
    yield case("unguided", [control("control")], guidance_scale=1.0, width=56, height=72)
    yield case("negative", [control("control", scale=-0.7)], sampler="dpmpp_2m", sigmas="karras")
    yield case("some-steps", [control("control-original", start=0.25, end=0.8)], model="tiny-v", sampler="heun", steps=7, width=72, height=88)
    yield case("early", [control("control", end=0.5)], sampler="pndm", steps=8)
    yield case("late", [control("control", start=0.5)], steps=5)
    yield case("two", [control("control", scale=0.7, end=0.6), control("control-bgr", "tall", scale=-0.5, start=0.4)], sampler="dpmpp_2m",
               width=136, height=128, steps=5)
    yield case("twice", [control("control", scale=0.5), control("control", "tall", scale=0.4)], width=40, height=72)
    yield case("lora", [control("control", scale=0.8)], loras=[{"name": "lora-attention", "scale": 0.8}], sampler="euler")
    yield case("lcm", [control("control")], sampler="lcm", steps=4, width=88, height=40, guidance_scale=1.5)
    yield case("clip-skip", [control("control")], clip_skip=1, literal_prompt=True, width=56, height=56)
    redraw = dict(task="image_to_image", strength=0.6)
    yield case("img2img", [control("control", "tall")], **redraw, steps=8, num_images=2)
    yield case("img2img-some-steps", [control("control-original", start=0.3, end=0.7)], **redraw, model="tiny-v", sampler="heun", steps=9, width=40,
               height=88)
    held = dict(task="inpaint", strength=1.0)
    yield case("inpaint", [control("control")], **held, width=104, height=56)
    yield case("inpaint-late", [control("control", "tall"), control("control-bgr", scale=0.4, end=0.5)], **dict(held, strength=0.7),
               sampler="euler_a", steps=8)
    yield case("inpaint9", [control("control-inpaint")], **held, model=picture_cases.INPAINTING, num_images=2)
    yield case("one-file", [control("control-original")], model="tiny-v", num_images=2)
    yield case("one-file-tall", [control("control-original", "tall", scale=0.5)], model="tiny-v", width=56, height=104, sampler="euler")
    xl = dict(model=XL)
    yield case("xl", [control("control-xl")], **xl, sampler="euler")
    yield case("xl-wide", [control("control-xl")], **xl, num_images=2, width=104, height=40)
    yield case("xl-two", [control("control-xl", "tall", scale=0.6), control("control-xl", scale=0.5, start=0.4)], **xl, width=40, height=88)
    yield case("xl-unfinished", [control("control-xl", start=0.2, end=0.5)], **xl, denoising_end=0.7, steps=9, width=88, height=72)
    yield case("xl-img2img", [control("control-xl", "tall", end=0.6)], **xl, **redraw, steps=9)
    yield case("xl-inpaint", [control("control-xl")], **xl, **held, width=56, height=72)


KINDS = {None: StableDiffusionControlNetPipeline, "image_to_image": StableDiffusionControlNetImg2ImgPipeline,
         "inpaint": StableDiffusionControlNetInpaintPipeline}
XL_KINDS = {None: StableDiffusionXLControlNetPipeline, "image_to_image": StableDiffusionXLControlNetImg2ImgPipeline,
            "inpaint": StableDiffusionXLControlNetInpaintPipeline}


class Reference:
    def __init__(self, folder):
        self.folder = folder
        self.controlnets = write_controlnets(folder)
        self.models = text_cases.open_pipelines(folder)
        self.models[XL] = StableDiffusionXLPipeline.from_pretrained(f"{folder}/models/{XL}", torch_dtype=torch.float32, add_watermarker=False)
        inpainting = StableDiffusionInpaintPipeline.from_pretrained(f"{folder}/models/{picture_cases.INPAINTING}", torch_dtype=torch.float32)
        self.models[picture_cases.INPAINTING] = inpainting
        for name in (XL, picture_cases.INPAINTING):
            self.models[name].own_scheduler_config = self.models[name].scheduler.config

    def open(self, name):
        return Image.open(f"{self.folder}/inputs/{name}").convert("RGB")

    def pipeline(self, case):
        source = self.models[case["model"]]
        if case.get("loras"):  # it changes the U-Net for good
            source = lora_cases.open_pipeline(self.folder, case["model"])
        parts = {name: part for name, part in source.components.items() if name not in ("image_encoder", "feature_extractor", "safety_checker")}
        parts["controlnet"] = [self.controlnets[each["name"]] for each in case["controls"]]
        if len(parts["controlnet"]) == 1:
            parts["controlnet"] = parts["controlnet"][0]
        if case["model"] == XL:
            pipeline = XL_KINDS[case.get("task")](**parts, add_watermarker=False)
        else:
            pipeline = KINDS[case.get("task")](**parts, safety_checker=None, feature_extractor=None, requires_safety_checker=False)
        karras = {"use_karras_sigmas": True} if case["sigmas"] == "karras" else {}
        pipeline.scheduler = SAMPLERS[case["sampler"]].from_config(source.own_scheduler_config, **karras)
        pipeline.set_progress_bar_config(disable=True)
        if case.get("loras"):
            lora_cases.load(pipeline, self.folder, case["loras"])
        return pipeline

    def pictures(self, case):
        pipeline = self.pipeline(case)
        hints = [self.open(each["image"]["data"][1:]) for each in case["controls"]]
        one = len(hints) == 1

        def of_all(field, default):
            values = [each.get(field, default) for each in case["controls"]]
            return values[0] if one else values

        hints = hints[0] if one else hints
        arguments = dict(
            negative_prompt=case["negative_prompt"], num_inference_steps=case["steps"], guidance_scale=case["guidance_scale"], output_type="np",
            width=case["width"], height=case["height"], controlnet_conditioning_scale=of_all("scale", 1.0),
            control_guidance_start=of_all("start", 0.0), control_guidance_end=of_all("end", 1.0), clip_skip=case.get("clip_skip"))
        if "denoising_end" in case:
            arguments["denoising_end"] = case["denoising_end"]
        task = case.get("task")
        if task is None:
            arguments["image"] = hints
        else:
            arguments |= dict(image=self.open(f"{case['image']}.png"), control_image=hints, strength=case["strength"])
        if task == "inpaint":
            arguments["mask_image"] = Image.open(f"{self.folder}/inputs/{case['image']}-mask.png")
        result = []
        for i in range(case["num_images"]):
            generator = torch.Generator("cpu").manual_seed(case["seed"] + i)
            result.append((pipeline(case["prompt"], generator=generator, **arguments).images[0] * 255).round().astype("uint8"))
        return result


def spec(case):
    more = {field: case[field] for field in ("controls", "loras", "denoising_end") if field in case}
    if "task" in case:
        more[case["task"]] = dict(image={"data": f"@{case['image']}.png"}, strength=case["strength"])
    if case.get("task") == "inpaint":
        more["inpaint"]["mask"] = {"data": f"@{case['image']}-mask.png"}
    return more


def make(goldens):
    """Needs the models of text_cases and sdxl_cases, the inputs of picture_cases and the files of lora_cases."""
    reference = Reference(goldens.folder)
    for case in cases():
        # Another picture must show.
        swapped = [dict(each, image={"data": "@tall-mask.png"}) for each in case["controls"]]
        goldens.write(dict(case, spec=spec(case)), reference.pictures(case), reference.pictures(dict(case, num_images=1, controls=swapped)))
