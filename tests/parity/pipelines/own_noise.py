"""The latent diffusion pipelines of diffusers do not hand their generator to the scheduler's steps."""

import functools
import inspect


def draw_from(scheduler, generator):
    """Lets the steps of `scheduler` draw from `generator`, as other pipelines do it, where they draw at all."""
    step = type(scheduler).step.__get__(scheduler)
    draws = "generator" in inspect.signature(step).parameters
    scheduler.step = functools.partial(step, generator=generator) if draws else step
