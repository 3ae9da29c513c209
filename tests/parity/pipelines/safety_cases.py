"""Cases of the safety checker: pictures that it flags, which diffusers makes black, and pictures that it does not."""

import os
import shutil

import torch
from diffusers import AutoencoderKL, PNDMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from diffusers.pipelines.stable_diffusion import StableDiffusionSafetyChecker
from PIL import Image
from safetensors.torch import save_file
from transformers import CLIPConfig, CLIPImageProcessor, CLIPTextModel, CLIPTokenizer, CLIPVisionConfig

import text_cases
from tiny_models import loud

NAME = "safety"
MODEL = "tiny-safety"
EDGE = 28
MARGIN = 0.005  # half of what a special concept lowers the others' thresholds by


def build(folder, base):
    """A small U-Net beside the text encoder and the VAE of the model in `base`, and a checker that flags nothing yet."""
    torch.manual_seed(60)
    unet = UNet2DConditionModel(
        sample_size=8, in_channels=4, out_channels=4, block_out_channels=(16, 32), layers_per_block=1,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"), up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        cross_attention_dim=32, norm_num_groups=8, attention_head_dim=4)
    loud(unet, 1.4)
    vision = CLIPVisionConfig(hidden_size=24, intermediate_size=48, num_hidden_layers=2, num_attention_heads=3, image_size=EDGE, patch_size=7)
    checker = StableDiffusionSafetyChecker(CLIPConfig(vision_config=vision.to_diff_dict(), projection_dim=16))
    loud(checker.vision_model, 8.0)
    with torch.no_grad():
        checker.visual_projection.weight.normal_()
        checker.concept_embeds.normal_()
        checker.special_care_embeds.normal_()
        checker.concept_embeds_weights.fill_(2)  # cosines are 1 at most
        checker.special_care_embeds_weights.fill_(2)
    scheduler = PNDMScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", skip_prk_steps=True, steps_offset=1,
                              set_alpha_to_one=False)
    pipeline = StableDiffusionPipeline(
        vae=AutoencoderKL.from_pretrained(base, subfolder="vae"), text_encoder=CLIPTextModel.from_pretrained(base, subfolder="text_encoder"),
        tokenizer=CLIPTokenizer.from_pretrained(base, subfolder="tokenizer"), unet=unet, scheduler=scheduler, safety_checker=checker,
        feature_extractor=CLIPImageProcessor(size={"shortest_edge": EDGE}, crop_size={"height": EDGE, "width": EDGE}))
    pipeline.to(torch.float16)
    pipeline.save_pretrained(folder, safe_serialization=True)


def open_pipeline(folder):
    pipeline = StableDiffusionPipeline.from_pretrained(f"{folder}/models/{MODEL}", torch_dtype=torch.float32)
    pipeline.set_progress_bar_config(disable=True)
    pipeline.own_scheduler_config = pipeline.scheduler.config
    return pipeline


def directions(pipeline, pictures):
    """Where each picture lies in CLIP's space, as a vector of length 1."""
    checker = pipeline.safety_checker
    pixels = pipeline.feature_extractor([Image.fromarray(picture) for picture in pictures], return_tensors="pt").pixel_values
    with torch.no_grad():
        return torch.nn.functional.normalize(checker.visual_projection(checker.vision_model(pixels)[1]))


def choose_concepts(pipeline, pictures):
    """Picture 0 is near concept 0. Picture 1 is a little too far from concept 1, but near special concept 0; picture 2 is as far
    from concept 2, and near nothing. The others are nowhere near."""
    seen = directions(pipeline, pictures)
    checker = pipeline.safety_checker

    def place(embeds, weights, concept, picture, above):
        """Puts a concept where it sees one picture long before the others; its threshold is `above` that one's cosine."""
        others = [i for i in range(len(pictures)) if i != picture]
        embeds[concept] = (seen[picture] - 0.97 * seen[others].mean(0)).half().float()
        near = seen @ torch.nn.functional.normalize(embeds[concept], dim=0)
        weights[concept] = near[picture] + above
        assert near[others].max() + 0.03 < weights[concept], near

    with torch.no_grad():
        place(checker.concept_embeds, checker.concept_embeds_weights, 0, 0, -0.02)
        place(checker.concept_embeds, checker.concept_embeds_weights, 1, 1, MARGIN)
        place(checker.concept_embeds, checker.concept_embeds_weights, 2, 2, MARGIN)
        place(checker.special_care_embeds, checker.special_care_embeds_weights, 0, 1, -0.02)


def write_checker(folder, checker):
    """With the names that files of transformers 4 have, and their constant. The thresholds keep float32."""
    state = {}
    for name, tensor in checker.state_dict().items():
        half = tensor if name.endswith("embeds_weights") else tensor.half()
        state[name.replace("vision_model.", "vision_model.vision_model.", 1)] = half.contiguous()
    state["vision_model.vision_model.embeddings.position_ids"] = torch.arange(17).unsqueeze(0)
    save_file(state, f"{folder}/safety_checker/model.safetensors", {"format": "pt"})


def cases():
    base = dict(model=MODEL, negative_prompt="green", guidance_scale=5.0, guidance_rescale=0.0, eta=0.0, sigmas="default", num_images=1)
    yield dict(base, name="safety-flagged", prompt="a red apple", sampler="ddim", steps=6, width=72, height=56, seed=901)
    yield dict(base, name="safety-special", prompt="the green house", sampler="euler", steps=6, width=40, height=88, seed=902)
    yield dict(base, name="safety-near", prompt="the house in the morning", sampler="dpmpp_2m", steps=5, width=88, height=40, seed=903)
    # The first one is the flagged one again.
    yield dict(base, name="safety-one-of-three", prompt="a red apple", sampler="ddim", steps=6, width=72, height=56, seed=901, num_images=3)
    yield dict(base, name="safety-unguided", prompt="an apple", sampler="pndm", steps=7, width=56, height=72, seed=905, guidance_scale=1.0)


def unchecked(pipeline, case):
    checker, pipeline.safety_checker = pipeline.safety_checker, None
    made = text_cases.pictures(pipeline, case)
    pipeline.safety_checker = checker
    return made


def make(goldens):
    """Needs the models of text_cases."""
    folder = f"{goldens.folder}/models/{MODEL}"
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    build(folder, f"{goldens.folder}/models/tiny-epsilon")
    pipeline = open_pipeline(goldens.folder)
    all_pictures = [picture for case in cases() for picture in unchecked(pipeline, case)]
    choose_concepts(pipeline, [picture for i, picture in enumerate(all_pictures) if i != 3])  # the first one again
    write_checker(folder, pipeline.safety_checker)
    for case in cases():
        made, free = text_cases.pictures(pipeline, case), unchecked(pipeline, case)
        print(f"{case['name']}: flagged {[bool((picture == 0).all()) for picture in made]}")
        goldens.write(case, made, free)
