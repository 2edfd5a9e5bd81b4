"""Measure how fast the shipped generator draws, one by one and in batches, by Keras and by OpenVINO."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

TOLERANCE = 2  # steps of 1/255 by which the fast engine may differ


def drawing(per_second: Callable[[Callable[[], Any]], float]) -> Iterator[tuple[str, float, str, str]]:
    """Images per second of the shipped generator.

    Parameters
    ----------
    per_second
        Measures calls per second.

    Yields
    ------
    tuple
        What, value, unit, note.
    """
    from enamel_lib import generators

    network = generators.load_generator(engine="keras").network
    reference, fast = (generators.make_generator(network, engine=engine) for engine in ("keras", "auto"))
    size = f"{network.resolution} px"
    z = np.random.default_rng(0).standard_normal((generators.BATCH_SIZE, network.latent_dim), np.float32)
    for count in (1, generators.BATCH_SIZE):
        codes, rates = z[:count], []
        for generator in (reference, fast):
            rates.append(per_second(lambda generator=generator, codes=codes: generator.generate(codes)) * count)
            note = f"{generator.precision}, {size}"
            yield f"generator, {generator.engine}, batch {count}", rates[-1], "images/s", note
        yield f"generator, {fast.engine} / keras, batch {count}", rates[1] / rates[0], "times", ""
    near = np.abs(fast.generate(z).astype(int) - reference.generate(z)) < TOLERANCE
    yield f"generator, colours nearer than {TOLERANCE}/255", 100 * near.mean(), "%", f"{fast.engine} and keras"
