"""The chart, by Helm itself."""

import os
import pathlib
import subprocess

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
CHART = ROOT / "helm/latentd"
EXAMPLES = {path.stem: path for path in sorted((CHART / "examples").glob("*.yaml"))}
NEWEST = "1.37"


class Refused(Exception):
    """Helm has said no."""


def helm(*arguments, text=None):
    done = subprocess.run([os.environ["LATENTD_HELM"] + "/helm", *map(str, arguments)], capture_output=True, text=True, input=text)
    if done.returncode:
        raise Refused(done.stderr + done.stdout)
    return done.stdout


def render(example=None, kube=NEWEST, chart=CHART, **values):
    """The objects that a release `r` in the namespace `images` would be."""
    files = ["--values", EXAMPLES[example]] if example else []
    text = helm("template", "r", chart, "--namespace", "images", "--kube-version", kube, *files, "--values", "-", text=yaml.safe_dump(values))
    return [each for each in yaml.safe_load_all(text) if each]


def only(objects, kind, name=None):
    """The only one of that kind, and of that name where there are several."""
    found = [each for each in objects if each["kind"] == kind and name in (None, each["metadata"]["name"])]
    assert len(found) == 1, f"{len(found)} objects are a {kind} {name or ''}"
    return found[0]


def container(deployment, name="latentd"):
    spec = deployment["spec"]["template"]["spec"]
    return next(each for each in spec.get("initContainers", []) + spec["containers"] if each["name"] == name)
