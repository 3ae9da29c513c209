"""Generates the API's messages, `latentd.v1.*_pb2`, from the repository's proto/ while the package is built."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py
from setuptools.command.sdist import sdist

HERE = Path(__file__).resolve().parent


def proto_folder() -> Path:
    """The repository's, or the copy that a source distribution carries."""
    for folder in (HERE / "proto", HERE.parents[1] / "proto"):
        if folder.is_dir():
            return folder
    raise FileNotFoundError("proto/ is neither beside setup.py nor at the root of a latentd repository")


class BuildWithMessages(build_py):
    def run(self) -> None:
        super().run()
        self.generate(HERE / "src" if self.editable_mode else Path(self.build_lib))

    def generate(self, out: Path) -> None:
        import google.api
        import grpc_tools
        from grpc_tools import protoc

        includes = [
            proto_folder(),
            Path(grpc_tools.__file__).parent / "_proto",  # google/protobuf
            Path(next(iter(google.api.__path__))).parents[1],  # google/api, google/rpc
        ]
        files = sorted((proto_folder() / "latentd" / "v1").glob("*.proto"))
        words = ["protoc", *(f"-I{folder}" for folder in includes), f"--python_out={out}", f"--pyi_out={out}"]
        if protoc.main([*words, *map(str, files)]) != 0:
            raise RuntimeError("protoc failed")


class SdistWithProtos(sdist):
    def make_release_tree(self, base_dir: str, files: list[str]) -> None:
        super().make_release_tree(base_dir, files)
        shutil.copytree(proto_folder() / "latentd", Path(base_dir) / "proto" / "latentd")


setup(cmdclass={"build_py": BuildWithMessages, "sdist": SdistWithProtos})
