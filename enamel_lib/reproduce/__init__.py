"""Running the notebooks and leaving a trace: profiles, figures, facts, the manifest.

What a notebook needs to be run again and compared lives here. Nothing here knows enamel, networks or what is drawn.
It calls nothing but the ground floor, so every room may use it.
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach(
    __name__,
    submodules=[
        "facts",
        "notebooks",
        "report",
        "verdicts",
    ],
    submod_attrs={
        "facts": ["Facts", "published"],
        "report": ["find_result", "results_folder", "save_figure"],
    },
)
