"""Cases of latent diffusion from text (LDMTextToImagePipeline), and from classes (the authors' own formulas)."""

import os
import shutil
import subprocess
import sys
import tempfile

import torch
from diffusers import AutoencoderKL, DDIMScheduler, LDMTextToImagePipeline, UNet2DConditionModel
from diffusers.pipelines.latent_diffusion.pipeline_latent_diffusion import LDMBertConfig, LDMBertModel
from transformers import BertTokenizer

import original_ldm
import text_cases
from own_noise import draw_from
from tiny_models import loud

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../text"))
import bert_folders  # noqa: E402

NAME = "ldm"
TEXT = "tiny-ldm-text"
CLASSES = "tiny-ldm-class"
CONVERT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../deploy/convert.py")
VOCABULARY = bert_folders.SPECIAL + list("abcdefghijklmnopqrstuvwxyz0123456789.,!?") + ["##" + c for c in "abcdefghijklmnopqrstuvwxyz"] + [
    "red", "green", "apple", "house", "the", "in", "morning", "##s"]


def build_text(folder):
    torch.manual_seed(50)
    bert_folders.write(f"{folder}/tokenizer", VOCABULARY)
    written = {name: open(f"{folder}/tokenizer/{name}", encoding="utf-8").read() for name in os.listdir(f"{folder}/tokenizer")}
    bert = LDMBertModel(LDMBertConfig(vocab_size=len(VOCABULARY), max_position_embeddings=77, encoder_layers=2, encoder_ffn_dim=64,
                                      encoder_attention_heads=4, head_dim=6, d_model=32))
    unet = UNet2DConditionModel(
        sample_size=8, in_channels=4, out_channels=4, block_out_channels=(16, 32), layers_per_block=1,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"), up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        cross_attention_dim=32, norm_num_groups=8, attention_head_dim=4)
    vae = AutoencoderKL(
        block_out_channels=(8, 8, 16, 16), down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4,
        latent_channels=4, layers_per_block=1, norm_num_groups=8, sample_size=64, scaling_factor=0.18215)
    loud(bert, 6.0)
    loud(unet, 1.4)
    loud(vae, 1.3)
    with torch.no_grad():
        vae.decoder.conv_out.weight.mul_(2.2)
        bert.model.embed_tokens.weight.mul_(8)
        for name, parameter in unet.named_parameters():  # most of a window is padding: attention must tell words from it
            if "attn2.to_q" in name or "attn2.to_k" in name:
                parameter.mul_(3)
    scheduler = DDIMScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", clip_sample=False, set_alpha_to_one=False)
    pipeline = LDMTextToImagePipeline(vqvae=vae, bert=bert, tokenizer=BertTokenizer.from_pretrained(f"{folder}/tokenizer"), unet=unet,
                                      scheduler=scheduler)
    pipeline.to(torch.float16)
    pipeline.save_pretrained(folder, safe_serialization=True)
    for name in os.listdir(f"{folder}/tokenizer"):  # the files that the checkpoint has, not those of the current transformers
        os.remove(f"{folder}/tokenizer/{name}")
    for name, content in written.items():
        with open(f"{folder}/tokenizer/{name}", "w", encoding="utf-8") as f:
            f.write(content)


def build_classes(folder):
    """The authors' layout in a pickled file, and what deploy/convert.py makes of it."""
    model = original_ldm.build(seed=51)
    halves = {name: value if name in ("betas", "alphas_cumprod") else value.half() for name, value in model.state_dict().items()}
    shutil.rmtree(folder, ignore_errors=True)
    with tempfile.TemporaryDirectory() as place:
        torch.save({"state_dict": halves, "global_step": 7}, f"{place}/model.ckpt")
        subprocess.run([sys.executable, CONVERT, f"{place}/model.ckpt", "--folder", folder, "--sample-size", "16",
                        "--norm-groups", str(original_ldm.GROUPS)], check=True)
    return model


def cases():
    base = dict(eta=0.0, num_images=1, sigmas="default")
    number = 0

    def case(name, **changes):
        nonlocal number
        number += 1
        return dict(base, name=name, seed=800 + number, **changes)

    text = dict(model=TEXT, prompt="a red apple", guidance_scale=5.0)
    yield case("ldm-text-ddim", **text, sampler="ddim", steps=8, width=88, height=56, num_images=2)
    yield case("ldm-text-eta", **text | dict(eta=0.7), sampler="ddim", steps=7, width=56, height=104)
    yield case("ldm-text-pndm", **text | dict(prompt="The GREEN houses, in the morning!"), sampler="pndm", steps=9, width=72, height=40)
    yield case("ldm-text-unguided", **text | dict(guidance_scale=1.0), sampler="dpmpp_2m", steps=6, width=40, height=72)
    yield case("ldm-text-long", **text | dict(prompt="the red apple in a house " * 30), sampler="ddim", steps=5, width=64, height=48)
    yield case("ldm-text-unicode", **text | dict(prompt="Äpplé 漢字 [SEP] ½"), sampler="ddpm", steps=6, width=48, height=64)
    classes = dict(model=CLASSES, guidance_scale=3.0, sampler="ddim")
    yield case("ldm-class-ddim", **classes, label=3, steps=8, width=48, height=32, num_images=2)
    yield case("ldm-class-eta", **classes | dict(eta=0.6), label=0, steps=10, width=40, height=72)
    yield case("ldm-class-unguided", **classes | dict(guidance_scale=1.0), label=9, steps=5, width=56, height=24)
    yield case("ldm-class-strong", **classes | dict(guidance_scale=8.0, eta=1.0), label=7, steps=20, width=32, height=40)


class Reference:
    def __init__(self, folder, classes):
        # The pipeline's own classes are not among those that from_pretrained finds for `bert`.
        models = f"{folder}/models/{TEXT}"
        bert = LDMBertModel.from_pretrained(f"{models}/bert", torch_dtype=torch.float32)
        self.text = LDMTextToImagePipeline.from_pretrained(models, bert=bert, torch_dtype=torch.float32)
        self.text.set_progress_bar_config(disable=True)
        self.config = self.text.scheduler.config
        self.classes = classes

    def pictures(self, case):
        result = []
        for i in range(case["num_images"]):
            generator = torch.Generator("cpu").manual_seed(case["seed"] + i)
            if case["model"] == CLASSES:
                image = self.classes.sample(case["label"], case["width"], case["height"], case["steps"], case["guidance_scale"], case["eta"],
                                            generator)
            else:
                self.text.scheduler = text_cases.SAMPLERS[case["sampler"]].from_config(self.config)
                draw_from(self.text.scheduler, generator)
                image = self.text(case["prompt"], width=case["width"], height=case["height"], num_inference_steps=case["steps"],
                                  guidance_scale=case["guidance_scale"], eta=case["eta"], generator=generator, output_type="np").images[0]
            result.append((image * 255).round().astype("uint8"))
        return result


def make(goldens):
    folder = goldens.folder
    build_text(f"{folder}/models/{TEXT}")
    reference = Reference(folder, build_classes(f"{folder}/models/{CLASSES}"))
    for case in cases():
        spec = dict(class_to_image=dict(label=case["label"])) if "label" in case else {}
        other = dict(case, label=5) if "label" in case else dict(case, prompt="green morning")
        goldens.write(dict(case, spec=spec), reference.pictures(case), reference.pictures(other))
