"""The dense indenter: a hardness for every place of a map, not one for a window.

Here live its network, the likelihood of labels in their own form, its intervals and its resolution. The paper's window
network does not (`indenter`), nor does what stores and schedules maps too large for the memory (`inference`).
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach(
    __name__,
    submodules=[
        "axes",
        "blocks",
        "code",
        "evaluation",
        "graph",
        "indenter",
        "intervals",
        "labels",
        "large",
        "learning",
        "left_out",
        "likeness",
        "measured",
        "network",
        "own_map",
        "reading",
        "resolution",
        "sensitivity",
        "sources",
        "structure",
        "study",
        "textures",
        "training",
        "worth",
    ],
    submod_attrs={
        "evaluation": ["compare", "follow_truth", "mean_readings", "relative_errors", "summary", "tile_r2"],
        "indenter": ["card", "hardness_map", "load"],
        "learning": ["train"],
        "sensitivity": ["follow_sensitivity"],
        "worth": ["worth_of_labels"],
    },
)
