"""Measure the genetic algorithm: the published way beside ours, on the same shipped networks."""

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

PUBLISHED, OURS = 2, 30  # generations run
TARGET = 4.5  # GPa
EVALUATOR = """
import sys, numpy
from pathlib import Path
from PIL import Image
from enamel_lib import indenter
model = indenter.load_indenter()
for path in sorted(Path(sys.argv[1]).glob("*.png")):
    print(float(model.predict(numpy.asarray(Image.open(path))[None] / numpy.float32(255), verbose=0)[0, 0]))
"""


def evolving() -> Iterator[tuple[str, float, str, str]]:
    """Seconds per generation of the published genetic algorithm and of ours, and for 250 generations of one target."""
    from enamel_lib import inference
    from enamel_lib.evolve import genetic, judges
    from enamel_lib.generators import loading
    from enamel_lib.indenter import network

    generator = loading.load_generator()
    evaluate = judges.evaluator(inference.make_predictor(network.load_indenter()))
    published = _published(generator)

    ticks = []
    genetic.evolve(
        generator.generate,
        evaluate,
        TARGET,
        latent_dim=generator.latent_dim,
        generations=OURS,
        progress=lambda done, total: ticks.append(time.perf_counter()),
    )
    ours = float(np.median(np.diff(ticks)))
    yield "evolution, authors' way", published, "s/generation", "two processes, 30 predictions one by one"
    yield "evolution", ours, "s/generation", "5 newcomers, one process"
    yield "evolution / authors' way", published / ours, "times", ""
    yield "250 generations of one target", 250 * ours, "s", f"from {OURS} generations"


def _published(generator: Any) -> float:
    """As in `HardnessDesign-GeneticAlgorithm.ipynb`: each newcomer drawn alone, all fifteen predicted twice, each time
    by a process that loads the network, then the ten survivors drawn again.
    """
    from PIL import Image

    codes = np.random.default_rng(0).standard_normal((15, generator.latent_dim))
    with tempfile.TemporaryDirectory() as folder:

        def draw(numbers: range) -> None:
            for number in numbers:
                picture = Image.fromarray(generator.generate(codes[number : number + 1])[0])
                picture.resize((200, 200)).save(Path(folder) / f"{number:02d}.png")

        draw(range(15))
        start = time.perf_counter()
        for _ in range(PUBLISHED):
            draw(range(10, 15))
            for _ in range(2):
                subprocess.run([sys.executable, "-c", EVALUATOR, folder], check=True, capture_output=True)
            draw(range(10))
        return (time.perf_counter() - start) / PUBLISHED
