"""Errors in the words of the nodes."""

from __future__ import annotations

import latentd
import pytest
from google.protobuf.any_pb2 import Any
from google.rpc import error_details_pb2, status_pb2
from latentd_comfyui.explain import explain


def refusal(*fields: str) -> latentd.Error:
    violations = [error_details_pb2.BadRequest.FieldViolation(field=each, description="is wrong") for each in fields]
    detail = Any()
    detail.Pack(error_details_pb2.BadRequest(field_violations=violations))
    return latentd.InvalidArgument("bad", status=status_pb2.Status(code=3, message="bad", details=[detail]))


@pytest.mark.parametrize(
    ("field", "place"),
    [
        ("spec.sampler", "latentd Generate, sampler"),
        ("spec.num_images", "latentd Generate, count"),
        ("spec.preview.every_steps", "latentd Generate, preview_every"),
        ("spec.model", "latentd Model, model"),
        ("spec.negative_prompt", "latentd Prompt, negative"),
        ("spec.loras[1].scale", "latentd LoRA 2, strength"),
        ("spec.loras[0].name", "latentd LoRA 1, lora"),
        ("spec.controls[0].end", "latentd ControlNet 1, end"),
        ("spec.image_prompts[0].name", "latentd Image Prompt 1, adapter"),
        ("spec.image_to_image.strength", "latentd Init Image, strength"),
        ("spec.inpaint.mask", "latentd Init Image, mask"),
        ("spec.animation.frames", "latentd Animation, frames"),
        ("options.priority", "options.priority"),
    ],
)
def test_a_field_is_named_by_node_and_input(field, place):
    assert str(explain(refusal(field), "here:1")) == f"latentd at here:1 refuses this:\n{place}: is wrong"


def test_all_that_is_wrong_is_told():
    assert len(str(explain(refusal("spec.sampler", "spec.steps"), "here:1")).splitlines()) == 3


def test_a_server_that_is_away_is_named():
    text = str(explain(latentd.Unavailable("connection refused"), "here:1"))
    assert "No latentd answers at here:1: connection refused" in text
    assert "LATENTD_SERVER" in text


def test_other_errors_keep_their_words():
    assert str(explain(latentd.NotFound("no model x"), "here:1")) == "latentd at here:1: no model x"


def test_a_missing_key_names_the_variable():
    text = str(explain(latentd.Unauthenticated("no credentials"), "there:1"))
    assert text.startswith("latentd at there:1: no credentials\n")
    assert "LATENTD_API_KEY" in text
