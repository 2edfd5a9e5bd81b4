"""Say what is installed and works on this machine, and how to get what is missing."""

import json
import os
import platform
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from enamel_lib import engines, images, indenter, paths, reference, report
from enamel_lib.errors import EnamelError

PACKAGES = (*report.RECORDED_PACKAGES, "papermill", "nbval", "jupyterlab")
FEATURES = ("avx2", "avx512f", "avx512_bf16", "amx_bf16")
TF1_ENVIRONMENT = "enamel-tf1"

Row = tuple[str, bool, str]  # what, whether it is there, version or how to get it


def examine() -> list[Row]:
    """Look at everything the project can use."""
    return [*_machine(), *_packages(), *_data(), *_models_and_engines(), _tf1()]


def _machine() -> Iterator[Row]:
    flags = _processor_flags()
    have = [name for name in FEATURES if name in flags]
    yield "processor", True, f"{os.cpu_count()} cores, {platform.machine()}, {' '.join(have) or 'no wide vectors'}"
    fast = {"avx512_bf16", "amx_bf16"} & flags
    yield "fast bfloat16", bool(fast), " ".join(sorted(fast)) or "maps run in float32; nothing to install"


def _processor_flags() -> set[str]:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return set()
    return next((set(line.split(":")[1].split()) for line in lines if line.startswith("flags")), set())


def _packages() -> Iterator[Row]:
    yield "python", True, platform.python_version()
    for name in PACKAGES:
        version = report.installed_version(name)
        yield name, version is not None, version or "make setup"


def _models_and_engines() -> Iterator[Row]:
    model = None
    names = sorted(card.stem for card in paths.MODELS.glob("*.json"))
    if not names:
        yield "models", False, f"none in {paths.MODELS}; enamel train makes one"
    for name in names:
        try:
            model = indenter.load_indenter(name)
            yield name, True, "weights match their card"
        except EnamelError as error:
            yield name, False, str(error)
    model = model or indenter.build_indenter()
    tile = np.zeros((1, images.TILE, images.TILE, 3), np.uint8)
    for engine in ("keras", "openvino"):
        try:
            predictor = engines.make_predictor(model, engine=engine)
            predictor(tile)
            yield f"engine {engine}", True, f"works, in {predictor.precision}"
        except EnamelError as error:
            yield f"engine {engine}", False, str(error)


def _data() -> Iterator[Row]:
    for name, load in (("real map", reference.real_map), ("published map", reference.published_map)):
        try:
            load()
            yield name, True, "readable"
        except EnamelError as error:
            yield name, False, str(error)


def _tf1() -> Row:
    name = "TensorFlow 1"
    recipe = "conda env create -f environment-tf1.yml"
    if not shutil.which("conda"):
        return name, False, f"only for original GAN snapshots: install conda, then {recipe}"
    listed = subprocess.run(["conda", "env", "list", "--json"], capture_output=True, text=True, check=False).stdout
    folders = [Path(folder) for folder in json.loads(listed or "{}").get("envs", [])]
    there = next((folder for folder in folders if folder.name == TF1_ENVIRONMENT), None)
    return name, there is not None, str(there or f"only for original GAN snapshots: {recipe}")
