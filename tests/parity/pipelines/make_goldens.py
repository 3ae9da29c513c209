"""Makes tests/golden/pipelines: small models, and the pictures that diffusers makes with them.

    python tests/parity/pipelines/make_goldens.py [--only SYSTEM]… [--check | --service build/release/tests/e2e/e2e_test]

Needs the environment of tests/parity/requirements.txt. Each system is a module beside this one with NAME and make(goldens).
A system may also write PREVIEWS, files that are no outputs.
`cases/<system>.json` lists its requests as protobuf's JSON; each picture is `pictures/<case>-<image>.png`. --only remakes some systems and leaves
the others as they are; --check changes nothing and compares what the reference gives now with what is committed; --service changes nothing
and compares what the reference gives now, in another folder, with what the service gives.
"""

import argparse
import glob
import json
import os
import shutil
import subprocess
import sys
import tempfile

import numpy
from PIL import Image

import animatediff_cases
import boxes_cases
import controlnet_cases
import embeddings_cases
import image_prompt_cases
import lcm_cases
import ldm_cases
import lora_cases
import lora_xl_cases
import picture_cases
import prompt_cases
import safety_cases
import sdxl_cases
import single_file_cases
import text_cases
import unconditional_cases
import upscale_cases

HERE = os.path.dirname(os.path.abspath(__file__))
GOLDEN = os.path.normpath(f"{HERE}/../../golden/pipelines")
# Later ones may use the models of earlier ones.
SYSTEMS = [text_cases, unconditional_cases, picture_cases, lcm_cases, prompt_cases, lora_cases, sdxl_cases, lora_xl_cases, single_file_cases,
           upscale_cases, ldm_cases, animatediff_cases, controlnet_cases, embeddings_cases, boxes_cases, safety_cases, image_prompt_cases]


# Fields of a case that are the request's as they are, in the protocol's JSON.
FIELDS = ["model", "prompt", "negative_prompt", "width", "height", "num_images", "seed", "steps", "sampler", "sigmas", "guidance_scale",
          "guidance_rescale", "eta", "clip_skip", "literal_prompt"]


def request(case):
    """The GenerationSpec of a case, as protobuf's JSON: FIELDS, and what case["spec"] adds, such as its task and adapters. Bytes are
    named as "@FILE", a file of `inputs`."""
    return {field: case[field] for field in FIELDS if field in case} | case.get("spec", {})


class Goldens:
    """What one system writes into the folder of all."""

    def __init__(self, folder):
        self.folder = folder
        self.cases = []
        os.makedirs(f"{folder}/pictures", exist_ok=True)

    def write(self, case, images, others=None):
        """A request and its pictures, uint8 [H, W, 3]; `others` are those of another condition, which must show."""
        reacts = "" if others is None else f"  its condition moves it by {numpy.abs(images[0].astype(int) - others[0].astype(int)).mean():5.1f}"
        print(f"{case['name']:32} std {numpy.std(images[0]):5.1f}{reacts}", flush=True)
        for i, image in enumerate(images):
            Image.fromarray(image).save(f"{self.folder}/pictures/{case['name']}-{i}.png", optimize=True)
        entry = dict(name=case["name"], pictures=len(images), spec=request(case))
        if "then" in case:  # a second request, which begins with each output of the first
            entry["then"] = request(case["then"])
        self.cases.append(entry)


def list_of(system, folder):
    return f"{folder}/cases/{system.NAME}.json"


def forget_paths(folder):
    """Takes out of configurations where on this machine their parts came from: diffusers writes it down."""
    for path in glob.glob(f"{folder}/**/config.json", recursive=True):
        with open(path, encoding="utf-8") as f:
            config = json.load(f)
        if os.path.isabs(config.get("_name_or_path", "")):
            del config["_name_or_path"]
            with open(path, "w", encoding="utf-8") as f:
                f.write(json.dumps(config, indent=2, sort_keys=True) + "\n")


def make(systems, folder):
    os.makedirs(f"{folder}/cases", exist_ok=True)
    for system in systems:
        if os.path.exists(list_of(system, folder)):
            for case in json.load(open(list_of(system, folder), encoding="utf-8")):
                for i in range(case["pictures"]):
                    os.remove(f"{folder}/pictures/{case['name']}-{i}.png")
        goldens = Goldens(folder)
        system.make(goldens)
        forget_paths(folder)
        with open(list_of(system, folder), "w", encoding="utf-8") as f:
            json.dump(goldens.cases, f, indent=1, ensure_ascii=False)


def check(systems):
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(GOLDEN, folder, dirs_exist_ok=True)
        make(systems, folder)
        worst = 0
        for system in systems:
            made = [f"pictures/{case['name']}-{i}.png" for case in json.load(open(list_of(system, GOLDEN), encoding="utf-8"))
                    for i in range(case["pictures"])]
            for name in made + getattr(system, "PREVIEWS", []):
                a, b = (numpy.asarray(Image.open(f"{f}/{name}")).astype(int) for f in (GOLDEN, folder))
                worst = max(worst, numpy.abs(a - b).max())
    print(f"largest difference between the reference now and the committed pictures: {worst} grey levels")
    return worst <= 1


def compare_service(systems, e2e_test):
    """The service against the reference, live: the end-to-end test runs over a folder that the reference has just filled."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(GOLDEN, folder, dirs_exist_ok=True)
        make(systems, folder)
        for system in systems:
            shapes = set()
            for case in json.load(open(list_of(system, folder), encoding="utf-8")):
                shapes |= {Image.open(f"{folder}/pictures/{case['name']}-{i}.png").size for i in range(case["pictures"])}
            print(f"{system.NAME}: {len(shapes)} shapes: {', '.join(f'{w}x{h}' for w, h in sorted(shapes))}", flush=True)
        names = ":".join(f"*Parity*/{system.NAME}" for system in systems)
        return subprocess.run([e2e_test, f"--gtest_filter={names}"], env=os.environ | {"LATENTD_GOLDEN_PIPELINES": folder}).returncode == 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--service", metavar="E2E_TEST")
    parser.add_argument("--only", action="append", choices=[system.NAME for system in SYSTEMS])
    arguments = parser.parse_args()
    chosen = [system for system in SYSTEMS if not arguments.only or system.NAME in arguments.only]
    if arguments.check:
        sys.exit(0 if check(chosen) else 1)
    if arguments.service:
        sys.exit(0 if compare_service(chosen, arguments.service) else 1)
    make(chosen, GOLDEN)
