"""The paper's window network: what it is, how it is trained, how good it is.

The network, its recipes, pretraining, linear probe and scores live here, and the baselines it is held against.
What explains it, maps with it or designs by it does not.
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach(
    __name__,
    submodules=[
        "baselines",
        "batches",
        "evaluation",
        "linear_probe",
        "network",
        "pretraining",
        "recipe",
        "run",
        "training",
        "weights",
    ],
    submod_attrs={
        "evaluation": ["follow_truth"],
        "network": ["build_indenter", "load_indenter", "penultimate_features"],
        "training": ["train"],
    },
)
