"""What a trained network looks at: filters, saliency, orientation, and whether any of it is real.

Methods of attribution and their checks live here; they ask a network for gradients and predictions, and no more.
Drawing does not: see `plots.saliency`. A new method is one file in `methods/` and one entry in its `registry`.
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach(
    __name__,
    submodules=["filters", "methods", "orientation", "sanity_checks"],
    submod_attrs={
        "filters": ["maximize_filters"],
        "methods.integrated_gradients": ["completeness"],
        "methods.registry": ["METHODS", "attribution", "saliency", "strongest"],
    },
)
