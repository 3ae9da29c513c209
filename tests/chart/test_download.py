"""The container that downloads models: what it fetches is what was asked for, and is fetched once."""

import functools
import hashlib
import http.server
import shutil
import subprocess
import threading

import pytest

from charts import container, only, render


@pytest.fixture
def files(tmp_path):
    """A server of HTTP: its folder, its address, and what was fetched of it."""
    folder, fetched = tmp_path / "served", []
    folder.mkdir()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            fetched.append(self.path)

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=folder)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield folder, f"http://127.0.0.1:{server.server_port}", fetched
        server.shutdown()


def run(folder, downloads):
    """The exit status of the container, and what it said."""
    objects = render("laptop", models={"download": downloads})
    download = container(only(objects, "Deployment"), "download")
    assert download["workingDir"] == "/models" and shutil.which("curl")
    done = subprocess.run([*download["command"], *download["args"]], cwd=folder, capture_output=True, text=True)
    return done.returncode, done.stdout


def test_files_come_verified_and_once(tmp_path, files):
    served, address, fetched = files
    models = tmp_path / "models"
    models.mkdir()
    contents = {"sd15.safetensors": b"weights", "base/model_index.json": b"{}"}
    downloads = []
    for number, (path, content) in enumerate(contents.items()):
        (served / str(number)).write_bytes(content)
        downloads.append({"url": f"{address}/{number}", "path": path, "sha256": hashlib.sha256(content).hexdigest()})
    assert run(models, downloads)[0] == 0
    assert {path: (models / path).read_bytes() for path in contents} == contents
    assert run(models, downloads)[0] == 0
    assert fetched == ["/0", "/1"]
    (models / "sd15.safetensors").write_bytes(b"half")
    assert run(models, downloads)[0] == 0
    assert (models / "sd15.safetensors").read_bytes() == b"weights"


@pytest.mark.parametrize("content", [b"other weights", None])
def test_what_is_not_what_was_asked_for_is_not_taken(tmp_path, files, content):
    served, address, _ = files
    models = tmp_path / "models"
    models.mkdir()
    if content:
        (served / "file").write_bytes(content)
    wanted = hashlib.sha256(b"weights").hexdigest()
    code, said = run(models, [{"url": f"{address}/file", "path": "sd15.safetensors", "sha256": wanted}])
    assert code != 0
    assert not (models / "sd15.safetensors").exists()
    assert not content or f"another SHA-256 than {wanted}" in said
