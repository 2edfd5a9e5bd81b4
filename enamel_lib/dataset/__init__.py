"""Labelled maps and tiles: where they come from, how they are united, split and augmented.

Reading, checking, simulating and splitting labels live here. Nothing here computes with a network.
Every protocol of splitting is checked by the leakage audit in `curation`.
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach(
    __name__,
    submodules=[
        "augmentation",
        "comparison",
        "curation",
        "instruments",
        "own",
        "registration",
        "sheets",
        "simulated",
        "sources",
        "tables",
    ],
    submod_attrs={
        "curation": [
            "PROTOCOLS",
            "held_out_together",
            "label_noise",
            "leakage_audit",
            "load_tiles",
            "split",
            "united_table",
        ],
        "simulated": ["indented_map", "simulate_sources", "unseen_sections", "unseen_tiles"],
        "sources": ["Source", "default_root", "is_simulated", "load_sources", "load_truth", "load_truth_if_there"],
    },
)
