"""The OpenAI images API, as the `openai` package sees it."""

import asyncio
import base64
import io

import openai
import pytest
from PIL import Image

from api import METHODS
from callers import TIMEOUT, by_grpc, request

GENERATE = METHODS["ImageGeneration.Generate"]
PROMPT = "a red apple ✿"
SPEC = {"model": "pictograms", "prompt": PROMPT, "seed": "7"}
WISH = {"model": "pictograms", "prompt": PROMPT, "extra_body": {"seed": 7}}
KINDS = {"png": b"\x89PNG", "jpeg": b"\xff\xd8\xff", "webp": b"RIFF"}


def arguments(edge):
    return {"base_url": f"http://{edge.address}/v1", "api_key": "none", "max_retries": 0, "timeout": TIMEOUT}


@pytest.fixture(scope="module")
def client(edge):
    with openai.OpenAI(**arguments(edge)) as it:
        yield it


def pictures(response):
    return [base64.b64decode(each.b64_json) for each in response.data]


def by_spec(latentd, **spec):
    """The pictures that ImageGeneration makes."""
    outcome = by_grpc(latentd.address, GENERATE, {"spec": spec})
    assert outcome.error == {}
    made = {}
    for chunk in (message["outputChunk"] for message in outcome.messages if "outputChunk" in message):
        made[chunk.get("index", 0)] = made.get(chunk.get("index", 0), b"") + base64.b64decode(chunk["data"])
    return [made[index] for index in sorted(made)]


def png(picture):
    file = io.BytesIO()
    picture.save(file, "png")
    return file.getvalue()


def text(data):
    return base64.b64encode(data).decode()


@pytest.fixture(scope="module")
def apple(client):
    """A picture to be edited."""
    return pictures(client.images.generate(**WISH))[0]


@pytest.fixture(scope="module")
def hole():
    """A mask whose left half is transparent, and what marks the same by white."""
    transparent = Image.new("RGBA", (64, 64), (9, 99, 199, 255))
    transparent.paste((255, 255, 255, 0), (0, 0, 32, 64))
    white = Image.new("RGB", (64, 64))
    white.paste((255, 255, 255), (0, 0, 32, 64))
    return png(transparent), png(white)


def test_models(client):
    models = list(client.models.list())
    assert [(model.id, model.object, model.owned_by) for model in models] == [
        ("pictograms", "model", "latentd"), ("pictograms-pixels", "model", "latentd")]
    assert client.models.retrieve("pictograms") == models[0]


def test_a_model_that_is_not_there(client):
    with pytest.raises(openai.NotFoundError) as found:
        client.models.retrieve("none")
    assert found.value.code == "model_not_found" and "pictograms" in found.value.message


def test_pictures_are_those_of_the_same_specification(client, latentd):
    response = client.images.generate(**WISH, n=3)
    assert pictures(response) == by_spec(latentd, **SPEC, numImages=3)
    assert [picture.seed for picture in response.data] == [7, 8, 9]
    assert (response.size, response.output_format, response.background) == ("64x64", "png", "opaque")
    assert response.created > 1_700_000_000 and response.usage is None


def test_a_seed_that_is_drawn_makes_the_picture_again(client):
    first = client.images.generate(model="pictograms", prompt=PROMPT)
    again = client.images.generate(model="pictograms", prompt=PROMPT, extra_body={"seed": first.data[0].seed})
    assert pictures(first) == pictures(again)


@pytest.mark.parametrize("kind", KINDS)
def test_formats(client, kind):
    response = client.images.generate(**WISH, output_format=kind)
    assert response.output_format == kind and pictures(response)[0].startswith(KINDS[kind])


@pytest.mark.parametrize("kind", ["jpeg", "webp"])
def test_compression(client, latentd, kind):
    by_default, full, some, least = (
        pictures(client.images.generate(**WISH, output_format=kind, **more))[0]
        for more in ({}, {"output_compression": 100}, {"output_compression": 50}, {"output_compression": 0}))
    assert by_default == full and len(full) > len(some) > len(least)
    output = {"format": f"IMAGE_FORMAT_{kind.upper()}", "quality": 50}
    assert [some] == by_spec(latentd, **SPEC, output=output)


@pytest.mark.parametrize("size,wanted", [("auto", (64, 64)), (None, (64, 64)), ("32x48", (32, 48))])
def test_sizes(client, size, wanted):
    response = client.images.generate(**WISH, size=size)
    assert Image.open(io.BytesIO(pictures(response)[0])).size == wanted
    assert response.size == f"{wanted[0]}x{wanted[1]}"


def test_what_is_done_anyway_may_be_asked_for(client, apple):
    response = client.images.generate(
        **WISH, n=1, background="opaque", quality="auto", moderation="auto", response_format="b64_json", output_format="png",
        output_compression=100, partial_images=0, stream=False)
    assert pictures(response) == [apple]


def test_the_user_is_a_label(client, latentd):
    client.images.generate(**WISH, user="somebody")
    jobs = by_grpc(latentd.address, METHODS["ImageGeneration.ListJobs"], {"labels": ["user=somebody"]}).messages[0]["jobs"]
    assert [job["spec"]["prompt"] for job in jobs] == [PROMPT]


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_streams(client, apple, count):
    events = list(client.images.generate(**WISH, stream=True, partial_images=count))
    *partial, last = events
    assert [event.type for event in partial] == ["image_generation.partial_image"] * count
    assert [event.partial_image_index for event in partial] == list(range(count))
    for event in partial:
        picture = Image.open(io.BytesIO(base64.b64decode(event.b64_json)))
        assert (f"{picture.width}x{picture.height}", picture.format) == (event.size, "PNG")
    assert last.type == "image_generation.completed" and base64.b64decode(last.b64_json) == apple
    assert (last.size, last.output_format, last.seed, last.usage) == ("64x64", "png", 7, None)
    assert all(event.background == "opaque" and event.quality == "auto" and event.created_at > 0 for event in events)


def test_partial_images_have_the_format_of_the_picture(client):
    for event in client.images.generate(**WISH, stream=True, partial_images=1, output_format="webp"):
        assert event.output_format == "webp" and base64.b64decode(event.b64_json).startswith(KINDS["webp"])


def test_events_have_names(edge):
    body = b'{"model": "pictograms", "prompt": "a cat", "stream": true, "partial_images": 1}'
    status, headers, answer = request(edge.address, "POST", "/v1/images/generations", body, {"content-type": "application/json"})
    assert (status, headers["content-type"]) == (200, "text/event-stream")
    names = [event.split("\n")[0] for event in answer.decode().split("\n\n") if event]
    assert names == ["event: image_generation.partial_image", "event: image_generation.completed"]


def test_with_asyncio(edge, apple):
    async def several():
        async with openai.AsyncOpenAI(**arguments(edge)) as client:
            whole = [client.images.generate(**WISH) for _ in range(3)]
            responses = await asyncio.gather(*whole)
            stream = await client.images.generate(**WISH, stream=True, partial_images=2)
            return responses, [event async for event in stream]

    responses, events = asyncio.run(several())
    assert [pictures(response) for response in responses] == [[apple]] * 3
    assert [event.type.split(".")[1] for event in events] == ["partial_image", "partial_image", "completed"]


def test_an_edit_is_begun_with_the_picture(client, latentd, apple):
    response = client.images.edit(image=apple, model="pictograms", prompt="a green apple", extra_body={"seed": 7})
    spec = {"model": "pictograms", "prompt": "a green apple", "seed": "7"}
    assert pictures(response) == by_spec(latentd, **spec, imageToImage={"image": {"data": text(apple)}})


def test_a_mask_says_by_transparency_what_is_redrawn(client, latentd, apple, hole):
    edited, = pictures(client.images.edit(image=apple, mask=hole[0], model="pictograms", prompt="a cat", extra_body={"seed": 5}))
    task = {"image": {"data": text(apple)}, "mask": {"data": text(hole[1])}}
    by_white, = by_spec(latentd, model="pictograms", prompt="a cat", seed="5", inpaint=task)
    assert Image.open(io.BytesIO(edited)).tobytes() == Image.open(io.BytesIO(by_white)).tobytes()


def test_a_list_of_one_picture_and_several_pictures_to_make(client, apple):
    response = client.images.edit(image=[("it.png", apple, "image/png")], model="pictograms", prompt="a cat", n=2,
                                  output_format="jpeg", output_compression=80, size="32x32", user="x")
    assert [Image.open(io.BytesIO(data)).size for data in pictures(response)] == [(32, 32)] * 2
    assert response.output_format == "jpeg"


def test_an_edit_streams(client, apple, hole):
    stream = client.images.edit(image=apple, mask=hole[0], model="pictograms", prompt="a cat", stream=True, partial_images=2)
    assert [event.type for event in stream] == ["image_edit.partial_image"] * 2 + ["image_edit.completed"]
    without = list(client.images.edit(image=apple, model="pictograms", prompt="a cat", stream=True, partial_images=3))
    assert [event.type for event in without] == ["image_edit.partial_image"] * 3 + ["image_edit.completed"]
