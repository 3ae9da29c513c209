"""Writes tests/golden/lora/predictions.safetensors: what the text encoder and the U-Net of diffusers make of one input
under the LoRAs of each case of tests/parity/pipelines/lora_cases.py.

    python tests/parity/adapters/make_goldens.py

Needs the environment of tests/parity/requirements.txt, and the models and files that the pipelines' goldens consist of.
"""

import os
import sys

import torch
from safetensors.torch import save_file

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.append(f"{HERE}/../pipelines")

import lora_cases  # noqa: E402

PIPELINES = os.path.normpath(f"{HERE}/../../golden/pipelines")


def main():
    torch.manual_seed(50)
    latent = torch.randn(1, 4, 9, 7)
    tensors = {"latent": latent[0].contiguous()}
    for case in lora_cases.cases():
        pipeline = lora_cases.open_pipeline(PIPELINES, case["model"])
        lora_cases.load(pipeline, PIPELINES, case["spec"]["loras"])
        with torch.no_grad():
            ids = pipeline.tokenizer("a red apple", padding="max_length", return_tensors="pt").input_ids
            states = pipeline.text_encoder(ids).last_hidden_state
            noise = pipeline.unet(latent, 501, encoder_hidden_states=states).sample
        tensors |= {f"{case['name']}.states": states[0].contiguous(), f"{case['name']}.noise": noise[0].contiguous()}
    os.makedirs(f"{HERE}/../../golden/lora", exist_ok=True)
    save_file(tensors, f"{HERE}/../../golden/lora/predictions.safetensors")


if __name__ == "__main__":
    main()
