"""From pictures to numbers by one runtime: engines, and hardness maps small and huge.

Whatever computes a trained network's outputs fast lives here, whichever network it is. Training, labels and what the
numbers mean do not. A new engine is one file with a `Predictor` and one entry in `base.ENGINES`.
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach(
    __name__,
    submodules=[
        "base",
        "chunks",
        "hardness_map",
        "keras",
        "keras_to_openvino",
        "large_pictures",
        "ome_zarr",
        "openvino",
        "real_map",
        "runtime",
        "scaling",
        "shared_windows",
    ],
    submod_attrs={
        "base": ["Predictor", "make_predictor"],
        "hardness_map": ["HardnessMap", "grid_artefact", "raster"],
    },
)
