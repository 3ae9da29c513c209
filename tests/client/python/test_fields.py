"""Specifications from keyword arguments."""

from __future__ import annotations

import io
from datetime import datetime, timedelta, timezone

import pytest
from latentd import inputs, v1
from latentd._core.fields import fill
from PIL import Image


def spec(**fields):
    message = v1.GenerationSpec()
    fill(message, fields)
    return message


@pytest.mark.parametrize("name", [name for name in vars(inputs) if name.endswith("Fields")])
def test_the_types_have_the_fields_of_the_messages(name):
    message = getattr(v1, name.removesuffix("Fields"))
    assert list(getattr(inputs, name).__annotations__) == list(message.DESCRIPTOR.fields_by_name)


def test_plain_fields():
    made = spec(
        model="m", prompt="ünï", seed=0, guidance_scale=1, literal_prompt=True, embeddings=["a", "b"], steps=None
    )
    assert made == v1.GenerationSpec(
        model="m", prompt="ünï", seed=0, guidance_scale=1, literal_prompt=True, embeddings=["a", "b"]
    )
    assert made.HasField("seed")


@pytest.mark.parametrize(
    "loras",
    [
        {"ink": 0.5, "flat": 1},
        [{"name": "ink", "scale": 0.5}, v1.Lora(name="flat", scale=1)],
    ],
)
def test_loras(loras):
    assert spec(loras=loras).loras == [v1.Lora(name="ink", scale=0.5), v1.Lora(name="flat", scale=1)]


def test_loras_by_name_have_the_default_scale():
    assert spec(loras=["ink"]).loras == [v1.Lora(name="ink")]


def test_pictures_are_paths_bytes_or_pillow_images(tmp_path):
    picture = Image.new("RGBA", (3, 2), (255, 0, 0, 128))
    path = tmp_path / "picture.png"
    picture.save(path)
    for image in (path, str(path), path.read_bytes(), picture, v1.InputImage(data=path.read_bytes())):
        data = spec(image_to_image={"image": image, "strength": 0.5}).image_to_image.image.data
        with Image.open(io.BytesIO(data)) as read:
            assert read.tobytes() == picture.tobytes()


def test_pictures_with_their_fit(tmp_path):
    path = tmp_path / "picture.png"
    path.write_bytes(b"x")
    made = spec(controls=[{"name": "pose", "image": {"data": path, "fit": "crop"}, "end": 0.5}])
    image = v1.InputImage(data=b"x", fit=v1.InputImage.FIT_CROP)
    assert made.controls == [v1.Control(name="pose", image=image, end=0.5)]


def test_enums_by_name_or_number():
    for kind in ("image", "IMAGE", "KIND_IMAGE", v1.PreviewOptions.KIND_IMAGE):
        assert spec(preview={"kind": kind}).preview.kind == v1.PreviewOptions.KIND_IMAGE


def test_nested_lists():
    box = {"phrase": "a cat", "x0": 0, "y0": 0.1, "x1": 0.5, "y1": 1}
    assert spec(boxes_to_image={"boxes": [box]}).boxes_to_image.boxes[0].y0 == 0.1


def test_an_empty_mapping_sets_the_message():
    assert spec(unconditional={}).WhichOneof("task") == "unconditional"


def test_job_options():
    options = v1.JobOptions()
    moment = datetime(2030, 1, 1, tzinfo=timezone.utc)
    fill(options, {"timeout": 1.5, "priority": 2, "labels": {"a": "b"}, "expire_time": moment, "single_flight": True})
    assert options.timeout.ToTimedelta() == timedelta(seconds=1.5)
    assert options.labels == {"a": "b"}
    assert options.expire_time.ToDatetime(timezone.utc) == moment


@pytest.mark.parametrize(
    ("fields", "error", "what"),
    [
        ({"stepz": 3}, TypeError, "GenerationSpec has no field stepz; did you mean steps?"),
        ({"xyzzy": 3}, TypeError, "GenerationSpec has no field xyzzy$"),
        ({"preview": {"every": 3}}, TypeError, r"PreviewOptions has no field preview\.every"),
        ({"controls": [{"nam": "a"}]}, TypeError, r"Control has no field controls\[0\]\.nam"),
        ({"steps": "many"}, TypeError, "^steps: "),
        ({"steps": 1 << 40}, ValueError, "^steps: "),
        ({"prompt": "\ud800"}, ValueError, "^prompt is not valid Unicode"),
        ({"embeddings": "cat"}, TypeError, "embeddings takes list, not str"),
        ({"embeddings": 3}, TypeError, "embeddings takes Iterable, not int"),
        ({"loras": [3]}, TypeError, r"loras\[0\] takes Lora or a mapping, not int"),
        ({"output": "PNG"}, TypeError, "output takes OutputOptions or a mapping, not str"),
        (
            {"output": {"format": "bmp"}},
            ValueError,
            r"output\.format is 'bmp', but must be one of PNG, JPEG, WEBP, LATENT",
        ),
        ({"inpaint": {"mask": 3}}, TypeError, r"inpaint\.mask takes a path, bytes or a Pillow image, not int"),
        ({"inpaint": {"mask": "/nowhere.png"}}, FileNotFoundError, "nowhere"),
    ],
)
def test_mistakes_are_named(fields, error, what):
    with pytest.raises(error, match=what):
        spec(**fields)


def test_mistakes_in_labels_are_named():
    with pytest.raises(TypeError, match=r"^labels: "):
        fill(v1.JobOptions(), {"labels": {"a": 1}})
