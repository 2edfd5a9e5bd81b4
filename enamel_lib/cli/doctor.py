"""Say what is installed and works on this machine, and how to get what is missing."""

import os
import platform
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from enamel_lib import images, inference, models, paths, reference
from enamel_lib.dense import study
from enamel_lib.errors import EnamelError
from enamel_lib.generators.keras import load_network
from enamel_lib.generators.tf1 import client
from enamel_lib.indenter import network
from enamel_lib.reproduce import report

PACKAGES = (*report.RECORDED_PACKAGES, "papermill", "nbval", "jupyterlab")
FEATURES = ("avx2", "avx512f", "avx512_bf16", "amx_bf16")

Row = tuple[str, bool, str]  # what, whether it is there, version or how to get it


def examine() -> list[Row]:
    """Look at everything the project can use."""
    return [*_machine(), *_packages(), *_data(), *_models_and_engines(), *_materials(), _tf1()]


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
    files = sorted(card.with_suffix(".keras") for card in paths.MODELS.glob("*.json"))
    if not files:
        yield "models", False, f"none in {paths.MODELS}; enamel train makes one"
    for path in files:
        try:
            if "network" in models.read_card(path):  # as only generators have it
                load_network(path)
            else:
                loaded, is_dense = network.load_either(path)
                model = model if is_dense else loaded
            yield path.stem, True, "weights match their card"
        except EnamelError as error:
            yield path.stem, False, str(error)
    model = model or network.build_indenter()
    tile = np.zeros((1, images.TILE, images.TILE, 3), np.uint8)
    for engine in ("keras", "openvino"):
        try:
            predictor = inference.make_predictor(model, engine=engine)
            predictor(tile)
            yield f"engine {engine}", True, f"works, in {predictor.precision}"
        except EnamelError as error:
            yield f"engine {engine}", False, str(error)


def _materials() -> Iterator[Row]:
    for path in sorted((paths.MODELS / study.FOLDER).glob("*.json")):
        try:
            study.load(path)
            yield path.stem, True, "what c-axes mean can be read"
        except EnamelError as error:
            yield path.stem, False, str(error)


def _data() -> Iterator[Row]:
    for name in reference.REGISTRY:
        try:
            yield name, True, f"as published, in {reference.fetch(name).parent}"
        except EnamelError as error:
            yield name, False, str(error)


def _tf1() -> Row:
    there = client.find_python()
    return "TensorFlow 1", there is not None, str(there or "only for original GAN snapshots: make tf1")
