"""Both clients against the real service, with its embedded model. LATENTD_BINARY says where it is."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import latentd
import pytest
from latentd import v1

from conftest import Asyncio, Blocking
from cutting_proxy import CuttingProxy

ROOT = Path(__file__).resolve().parents[3]
BINARY = Path(os.environ.get("LATENTD_BINARY", ROOT / "build/release/server/latentd"))
APPLE = {"model": "pictograms", "prompt": "a red apple", "seed": 7, "steps": 2}
TWO = {"model": "pictograms", "prompt": "a cat", "seed": 1, "steps": 2, "num_images": 2}


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    if not BINARY.exists() and "LATENTD_BINARY" not in os.environ:
        pytest.skip(f"{BINARY} is not there; LATENTD_BINARY names another")
    command = [BINARY, "--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        log = ""
        for line in process.stderr:
            log += line
            if '"message":"ready"' in line:
                break
        # What it says from here on is thrown away, lest the pipe fills.
        drain = threading.Thread(target=process.stderr.read, daemon=True)
        drain.start()
        found = re.search(r"gRPC on (\S+),", log)
        assert found, log
        yield found[1]
        process.terminate()
        drain.join()


@pytest.fixture(scope="module")
def apple(address: str) -> latentd.Result:
    """What the blocking client gets."""
    with latentd.Client(address) as client:
        return client.generate(**APPLE)


@pytest.fixture(params=[Blocking, Asyncio])
def ask(request, address):
    return request.param(address)


def test_gives_a_picture(apple):
    (picture,) = apple.images
    assert picture.size == (64, 64)
    assert apple.outputs[0].media_type == "image/png"
    assert apple.outputs[0].seed == 7
    assert apple.usage.evaluations == 2


def test_the_same_seed_gives_the_same_bytes(ask, apple):
    *_, last = ask(lambda client: client.stream(**APPLE))
    assert last.result.outputs[0].data == apple.outputs[0].data


def test_progress_and_previews_come_along(ask):
    events = ask(lambda client: client.stream(**APPLE, preview={"kind": "IMAGE", "every_steps": 2}))
    previews = [e.preview_image() for e in events if isinstance(e, latentd.Progress) and e.preview]
    assert previews
    assert all(picture.size == (16, 16) for picture in previews)
    assert isinstance(events[0], latentd.Queued)


def test_a_picture_goes_in(ask, apple):
    result = ask(
        lambda client: client.generate(
            **APPLE, image_to_image={"image": apple.images[0], "strength": 0.5}, output={"format": "JPEG"}
        )
    )
    assert result.images[0].format == "JPEG"


def test_a_watch_that_joins_late_gets_the_outputs(ask, apple):
    job = ask(lambda client: client.create_job(**APPLE, options={"labels": {"test": "late"}}))
    assert ask(lambda client: client.wait(job)).outputs[0].data == apple.outputs[0].data
    again = ask(lambda client: client.wait(job))
    assert again.outputs[0].data == apple.outputs[0].data
    assert ask(lambda client: client.get_output(job, 0)).data == apple.outputs[0].data
    assert job.name in [j.name for j in ask(lambda client: client.list_jobs(labels={"test": "late"}))]
    ask(lambda client: client.delete_job(job))
    with pytest.raises(latentd.NotFound):
        ask(lambda client: client.get_job(job))


@pytest.fixture(scope="module")
def two(address: str) -> latentd.Result:
    with latentd.Client(address) as client:
        return client.generate(**TWO)


@pytest.mark.parametrize("kind", [Blocking, Asyncio])
def test_nothing_is_lost_with_the_connection(kind, address, two):
    first = len(two.outputs[0].data)
    proxy = CuttingProxy(address, cuts=[first // 2, first])
    sequences, retries = [], []
    result = kind(proxy.address)(
        lambda client: client.generate(
            **TWO,
            on_event=lambda event: sequences.append(event.sequence),
            on_retry=lambda why, _: retries.append(why),
        )
    )
    proxy.close()
    assert len(retries) == 2
    assert [o.data for o in result.outputs] == [o.data for o in two.outputs]
    assert sequences == sorted(set(sequences))


def test_the_same_request_id_gives_the_same_job(ask):
    first = ask(lambda client: client.create_job(**APPLE, request_id="python-client-test"))
    assert ask(lambda client: client.create_job(**APPLE, request_id="python-client-test")).name == first.name
    with pytest.raises(latentd.AlreadyExists):
        ask(lambda client: client.create_job(model="pictograms", prompt="a pear", request_id="python-client-test"))


def test_leaving_the_loop_frees_the_server(address):
    with latentd.Client(address) as client:
        for event in client.stream(model="pictograms", prompt="a cat", steps=1000):
            if isinstance(event, latentd.Started):
                break
        assert client.get_job(event.job).state == v1.Job.STATE_CANCELLED


def test_cancelling_a_task_frees_the_server(address):
    async def run():
        async with latentd.AsyncClient(address) as client:
            started: asyncio.Future[str] = asyncio.get_running_loop().create_future()

            def on_event(event):
                if isinstance(event, latentd.Started):
                    started.set_result(event.job)

            task = asyncio.create_task(client.generate(model="pictograms", steps=1000, on_event=on_event))
            job = await started
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert (await client.get_job(job)).state == v1.Job.STATE_CANCELLED

    asyncio.run(run())


def test_another_caller_cancels(ask):
    job = ask(lambda client: client.create_job(model="pictograms", steps=1000))
    ask(lambda client: client.cancel_job(job))
    with pytest.raises(latentd.JobCancelled) as caught:
        ask(lambda client: client.wait(job))
    assert (caught.value.job, caught.value.reason) == (job.name, "CALLER")


def test_every_violation_is_told(ask):
    with pytest.raises(latentd.InvalidArgument) as caught:
        ask(lambda client: client.generate(model="pictograms", steps=-3, guidance_scale=1000))
    assert [v.field for v in caught.value.field_violations] == ["spec.steps", "spec.guidance_scale"]


def test_models_adapters_and_the_service_itself(ask):
    assert "models/pictograms" in [model.name for model in ask(lambda client: client.list_models())]
    assert ask(lambda client: client.get_model("pictograms")).native_width == 64
    assert ask(lambda client: client.load_model("pictograms")).state == v1.Model.STATE_LOADED
    assert "adapters/pictograms-lcm" in [adapter.name for adapter in ask(lambda client: client.list_adapters())]
    assert ask(lambda client: client.health()) is True
    assert ask(lambda client: client.stats()).version


def test_a_blob_is_kept(ask, apple):
    data = apple.outputs[0].data
    sha256 = ask(lambda client: client.put_blob(data))
    image = {"blob_sha256": sha256}
    assert ask(lambda client: client.generate(**APPLE, image_to_image={"image": image})).images


def test_many_middle_sized_pictures_fit_into_a_request(ask, apple):
    """The service reads it: what it refuses is their contents."""
    picture = apple.outputs[0].data + bytes(950_000)  # what comes after a PNG counts only where it is sent
    controls = [{"name": f"none-{i}", "image": picture + bytes([i])} for i in range(8)]
    with pytest.raises(latentd.Error) as refused:
        ask(lambda client: client.create_job(**APPLE, image_to_image={"image": picture}, controls=controls))
    assert refused.value.reason == "ADAPTER_NOT_FOUND"


def test_the_example_leaves_pictures(address, tmp_path):
    command = [
        sys.executable,
        ROOT / "client/python/examples/generate.py",
        "a cat",
        "--server",
        address,
        "--steps",
        "2",
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "8/8" in done.stderr
    assert len(list(tmp_path.glob("picture-*.png"))) == 4
    assert (tmp_path / "sharpening.gif").exists()
