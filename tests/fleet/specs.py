"""What jobs ask for: pictures whose every byte is known from an undisturbed run."""

import itertools

import calls
from history import digest

# Each with a state of its own that has to travel: a generator that draws in each step, former predictions, half steps.
_SAMPLERS = ({"sampler": "ddim", "eta": 0.7}, {"sampler": "euler_a"}, {"sampler": "dpmpp_2m"}, {"sampler": "heun"})
_MODELS = ("tiny-epsilon", "tiny-v")
_LENGTHS = (60, 160)


def _catalogue():
    for seed, (sampler, model, steps) in enumerate(itertools.product(_SAMPLERS, _MODELS, _LENGTHS)):
        spec = {"model": model, "prompt": "the green house", "seed": str(seed), "steps": steps, "numImages": 1 + seed % 2, **sampler}
        if sampler["sampler"] == "heun":  # two evaluations a step
            spec["steps"] = steps // 2
        yield f"{sampler['sampler']}-{model}-{steps}", spec


CATALOGUE = dict(_catalogue())


def undisturbed(address, spec):
    """SHA-256 of the pictures that a replica makes which nobody disturbs."""
    pictures = {}
    job = calls.create_job(address, spec, "", timeout=30).name
    for event in calls.watch_job(address, job, 0, timeout=300):
        if event.WhichOneof("kind") == "output":
            pictures[event.output.index] = event.output.sha256
    return [pictures[index] for index in sorted(pictures)]


def picture_of(address, job, index):
    return digest(calls.get_output(address, job, index, timeout=10))
