"""Graphs, executed by ComfyUI's own code, with a real latentd."""

from __future__ import annotations

import json
import time

import latentd
import pytest
from comfyui import texts_of
from conftest import NODES
from latentd import v1
from PIL import Image, ImageDraw

from processes import PATIENCE

REQUEST = {
    "model": "pictograms",
    "prompt": "a red apple",
    "seed": 7,
    "num_images": 2,
    "steps": 4,
    "sampler": "dpmpp_2m",
    "sigmas": "karras",
    "guidance_scale": 3.5,
}


def same(pictures, expected):
    assert [picture.convert("RGB").tobytes() for picture in pictures] == [
        picture.convert("RGB").tobytes() for picture in expected
    ]


def job_states(client, *names):
    return [client.get_job(name).state for name in names]


def running_jobs(client):
    return [job.name for job in client.list_jobs(states=["RUNNING", "QUEUED"])]


def wait_for(what, condition):
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, f"{what}: not within {PATIENCE} s"
        time.sleep(0.05)


def test_comfyui_starts_without_a_server(lonely):
    _, models = lonely
    assert models == []


def test_nodes_offer_what_the_server_has(comfyui):
    wait_for("models", lambda: comfyui.options("LatentdModel", "model") == ["pictograms", "pictograms-pixels"])
    assert comfyui.options("LatentdLora", "lora") == ["other", "pictograms-lcm"]
    assert comfyui.options("LatentdGenerate", "sampler")[:3] == ["model's own", "ddpm", "ddim"]
    assert comfyui.options("LatentdControlNet", "controlnet") == []


def test_a_text_becomes_the_python_clients_pictures(comfyui, client, graph):
    run = comfyui.queue(graph)
    expected = client.generate(**REQUEST)
    same(run.images("4"), expected.images)
    assert run.executed["5"]["text"] == ["7"]
    assert "Seed: 7" in run.executed["6"]["text"][0]
    assert list(texts_of(run, "3"))[-1] == "Seed 7"


def test_progress_and_previews_are_shown_on_the_node(comfyui, graph):
    graph["3"]["inputs"]["seed"] = 100
    run = comfyui.queue(graph)
    run.images("4")
    assert run.progress
    assert all(each["node"] == "3" and each["max"] == 8 for each in run.progress)
    steps = [each["value"] for each in run.progress]
    assert steps == sorted(steps)
    assert steps[-1] == 8
    assert run.previews
    assert all(node == "3" and picture.format == "JPEG" for node, picture in run.previews)
    assert any(text.startswith("Step ") for text in texts_of(run, "3"))


def test_loras_are_stacked(comfyui, client, graph):
    graph["7"] = {"class_type": "LatentdLora", "inputs": {"model": ["1", 0], "lora": "pictograms-lcm", "strength": 0.5}}
    graph["8"] = {"class_type": "LatentdLora", "inputs": {"model": ["7", 0], "lora": "other", "strength": 0.25}}
    graph["3"]["inputs"] |= {"model": ["8", 0], "sampler": "lcm", "sigmas": "model's own", "guidance": 1}
    run = comfyui.queue(graph)
    loras = {"pictograms-lcm": 0.5, "other": 0.25}
    expected = client.generate(**{**REQUEST, "loras": loras, "sampler": "lcm", "sigmas": None, "guidance_scale": 1})
    same(run.images("4"), expected.images)


def test_begins_with_a_picture(comfyui, client, graph, upload):
    start = Image.linear_gradient("L").convert("RGB").resize((64, 64))
    graph["7"] = upload(start, "start.png")
    graph["8"] = {"class_type": "LatentdInitImage", "inputs": {"image": ["7", 0], "strength": 0.5}}
    graph["3"]["inputs"]["init_image"] = ["8", 0]
    run = comfyui.queue(graph)
    expected = client.generate(**REQUEST, image_to_image={"image": start, "strength": 0.5})
    same(run.images("4"), expected.images)


def test_redraws_what_the_mask_marks(comfyui, client, graph, upload):
    start = Image.linear_gradient("L").convert("RGB").resize((64, 64))
    mask = Image.new("L", (64, 64))
    ImageDraw.Draw(mask).rectangle((20, 20, 50, 50), "white")
    graph["7"] = upload(start, "start.png")
    graph["9"] = upload(mask, "mask.png")
    graph["9"] |= {"class_type": "LoadImageMask"}
    graph["9"]["inputs"]["channel"] = "red"
    graph["8"] = {"class_type": "LatentdInitImage", "inputs": {"image": ["7", 0], "mask": ["9", 0], "strength": 0.8}}
    graph["3"]["inputs"]["init_image"] = ["8", 0]
    run = comfyui.queue(graph)
    expected = client.generate(**REQUEST, inpaint={"image": start, "mask": mask, "strength": 0.8})
    same(run.images("4"), expected.images)


def test_the_place_in_the_queue_is_shown(comfyui, client, graph):
    first = client.create_job(model="pictograms", prompt="a cat", steps=1000, num_images=8)
    second = client.create_job(model="pictograms", prompt="a cat", steps=1000, num_images=8)
    graph["3"]["inputs"]["seed"] = 200
    run = comfyui.queue(graph)
    run.until("the place", lambda: any("In the queue: 1 before it" in text for text in texts_of(run, "3")))
    client.cancel_job(second)
    run.until("next", lambda: any("In the queue: next" in text for text in texts_of(run, "3")))
    client.cancel_job(first)
    assert len(run.images("4")) == 2


def test_an_interrupt_cancels_the_job(comfyui, client, graph):
    graph["3"]["inputs"] |= {"steps": 1000, "seed": 300, "count": 8}
    run = comfyui.queue(graph)
    run.until("progress", lambda: run.progress)
    (job,) = running_jobs(client)
    comfyui.post("/interrupt", {})
    assert run.finish()[0] == "interrupted"
    assert job_states(client, job) == [v1.Job.STATE_CANCELLED]


def test_an_interrupt_cancels_a_job_that_waits(comfyui, client, graph):
    before = client.create_job(model="pictograms", prompt="a cat", steps=1000, num_images=8)
    graph["3"]["inputs"]["seed"] = 400
    run = comfyui.queue(graph)
    run.until("the place", lambda: any("In the queue" in text for text in texts_of(run, "3")))
    (job,) = set(running_jobs(client)) - {before.name}
    comfyui.post("/interrupt", {})
    assert run.finish()[0] == "interrupted"
    assert job_states(client, job) == [v1.Job.STATE_CANCELLED]
    client.cancel_job(before)


def test_nodes_of_one_graph_work_together_and_are_interrupted_together(comfyui, client, graph):
    graph["3"]["inputs"] |= {"steps": 1000, "seed": 500, "count": 1}
    graph["13"] = {**graph["3"], "inputs": {**graph["3"]["inputs"], "seed": 501}}
    graph["14"] = {"class_type": "SaveImage", "inputs": {"images": ["13", 0], "filename_prefix": "other"}}
    run = comfyui.queue(graph)
    run.until("progress of both", lambda: {each["node"] for each in run.progress} == {"3", "13"})
    jobs = running_jobs(client)
    assert len(jobs) == 2
    comfyui.post("/interrupt", {})
    assert run.finish()[0] == "interrupted"
    # ComfyUI tells of the first node's end before the others have come to theirs.
    for job in jobs:
        with pytest.raises(latentd.JobCancelled):
            client.wait(job, timeout=PATIENCE)


def test_a_wrong_value_is_told_with_its_input(comfyui, graph):
    graph["3"]["inputs"]["sampler"] = "flow_euler"
    kind, error = comfyui.queue(graph).finish()
    assert kind == "error"
    assert error["node_id"] == "3"
    assert "latentd Generate, sampler: must be one of ddpm, ddim" in error["exception_message"]
    assert '"flow_euler"' in error["exception_message"]


def test_a_missing_choice_is_refused_before_the_run(comfyui, graph):
    graph["1"]["inputs"]["model"] = ""
    answer = comfyui.queue(graph).answer
    (error,) = answer["node_errors"]["1"]["errors"]
    assert error["extra_info"]["input_name"] == "model"
    assert "nothing is chosen" in error["details"]


def server_node(address):
    settings = {"address": address, "tls": False, "ca_file": "", "cert_file": "", "key_file": ""}
    return {"class_type": "LatentdServer", "inputs": settings}


def test_a_missing_server_is_told_with_its_address(comfyui, graph):
    graph["7"] = server_node("127.0.0.1:9")
    graph["1"]["inputs"]["server"] = ["7", 0]
    run = comfyui.queue(graph)
    kind, error = run.finish()
    assert kind == "error"
    assert "No latentd answers at 127.0.0.1:9" in error["exception_message"]
    assert any("trying again" in text for text in texts_of(run, "3"))


def test_who_has_no_key_is_told(comfyui, address, graph):
    """The server of all these tests asks for the key of the environment, which goes to no other name of it."""
    elsewhere = address.replace("127.0.0.1", "localhost")
    graph["7"] = server_node(elsewhere)
    graph["1"]["inputs"]["server"] = ["7", 0]
    kind, error = comfyui.queue(graph).finish()
    assert kind == "error"
    assert f"latentd at {elsewhere}: The call needs credentials" in error["exception_message"]
    assert "LATENTD_API_KEY" in error["exception_message"]


def on(server, graph, model="tiny-epsilon", **request):
    """The graph and the request for a tiny model of another server."""
    graph["20"] = server_node(server)
    graph["1"]["inputs"] = {"server": ["20", 0], "model": model}
    graph["3"]["inputs"] |= {"count": 1, "width": 40, "height": 48}
    return graph, {**REQUEST, "model": model, "num_images": 1, "width": 40, "height": 48, **request}


def test_another_servers_names_are_offered_once_a_graph_names_it(comfyui, tiny, graph):
    graph, _ = on(tiny, graph)
    graph["1"]["inputs"]["model"] = ""
    assert "1" in comfyui.queue(graph).answer["node_errors"]
    wait_for("its models", lambda: "tiny-epsilon" in comfyui.options("LatentdModel", "model"))
    assert "pictograms" in comfyui.options("LatentdModel", "model")
    assert "motion-v2" in comfyui.options("LatentdAnimation", "motion")


def test_a_clip_is_a_batch_of_its_frames(comfyui, tiny, graph):
    graph, request = on(tiny, graph, animation={"motion": "motion-v2", "frames": 3}, output={"format": "PNG"})
    graph["7"] = {"class_type": "LatentdAnimation", "inputs": {"motion": "motion-v2", "frames": 3}}
    graph["3"]["inputs"]["animation"] = ["7", 0]
    run = comfyui.queue(graph)
    pictures = run.images("4")
    assert len(pictures) == 3
    assert run.progress[-1]["value"] == run.progress[-1]["max"] == 4
    with latentd.Client(tiny) as client:
        same(pictures, client.generate(**request).images)


def test_pictures_steer(comfyui, tiny, graph, upload):
    edges = Image.radial_gradient("L").convert("RGB").resize((40, 48))
    controls = [{"name": "control", "image": edges, "scale": 0.8, "start": 0.0, "end": 0.5}]
    prompts = [{"name": "ip-base", "image": edges, "scale": 0.6}]
    graph, request = on(tiny, graph, controls=controls, image_prompts=prompts)
    graph["7"] = upload(edges, "edges.png")
    graph["8"] = {
        "class_type": "LatentdControlNet",
        "inputs": {
            "prompt": ["2", 0],
            "image": ["7", 0],
            "controlnet": "control",
            "strength": 0.8,
            "start": 0,
            "end": 0.5,
        },
    }
    graph["9"] = {
        "class_type": "LatentdImagePrompt",
        "inputs": {"prompt": ["8", 0], "image": ["7", 0], "adapter": "ip-base", "strength": 0.6},
    }
    graph["3"]["inputs"]["prompt"] = ["9", 0]
    run = comfyui.queue(graph)
    with latentd.Client(tiny) as client:
        same(run.images("4"), client.generate(**request).images)


# What the safety checker of tiny-safety flags (tests/golden/pipelines/cases/safety.json).
FLAGGED = {
    "seed": 901,
    "width": 72,
    "height": 56,
    "steps": 6,
    "sampler": "ddim",
    "sigmas": "default",
    "guidance": 5,
    "preview_every": 0,
}


def test_a_withheld_picture_leaves_the_others(comfyui, tiny, graph):
    graph, _ = on(tiny, graph, "tiny-safety")
    graph["2"]["inputs"]["negative"] = "green"
    graph["3"]["inputs"] |= {**FLAGGED, "count": 3}
    run = comfyui.queue(graph)
    assert len(run.images("4")) == 2
    assert run.executed["5"]["text"] == ["902"]
    assert "Picture 0: withheld by the server's safety policy" in list(texts_of(run, "3"))[-1]


def test_nothing_but_withheld_pictures_is_an_error(comfyui, tiny, graph):
    graph, _ = on(tiny, graph, "tiny-safety")
    graph["2"]["inputs"]["negative"] = "green"
    graph["3"]["inputs"] |= FLAGGED
    kind, error = comfyui.queue(graph).finish()
    assert kind == "error"
    assert "withheld by the server's safety policy" in error["exception_message"]


def test_the_example_fits_the_nodes(comfyui):
    """ComfyUI keeps the values of an example by their place."""
    example = json.loads((NODES / "example_workflows/text_to_picture.json").read_text())
    ours = [node for node in example["nodes"] if node["type"].startswith("Latentd")]
    assert {node["type"] for node in ours} == {"LatentdModel", "LatentdLora", "LatentdPrompt", "LatentdGenerate"}
    for node in ours:
        info = json.loads(comfyui.get(f"/object_info/{node['type']}"))[node["type"]]
        order = [name for group in ("required", "optional") for name in info["input_order"].get(group, [])]
        assert sorted(slot["name"] for slot in node["inputs"]) == sorted(order)
        widgets = [slot["name"] for slot in node["inputs"] if "widget" in slot]
        assert widgets == [name for name in order if name in widgets]
        # The seed's widget has another behind it, which says what becomes of it after a run.
        assert len(node["widgets_values"]) == len(widgets) + ("seed" in widgets)
        assert [slot["name"] for slot in node["outputs"]] == info["output_name"]


def test_a_batch_where_one_picture_is_wanted_is_refused(comfyui, graph):
    graph["7"] = {
        "class_type": "EmptyImage",
        "inputs": {"width": 64, "height": 64, "batch_size": 2, "color": 0},
    }
    graph["8"] = {"class_type": "LatentdInitImage", "inputs": {"image": ["7", 0], "strength": 0.5}}
    graph["3"]["inputs"]["init_image"] = ["8", 0]
    kind, error = comfyui.queue(graph).finish()
    assert kind == "error"
    assert error["node_id"] == "8"
    assert "one picture, not a batch of 2" in error["exception_message"]
