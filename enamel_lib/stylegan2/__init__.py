"""StyleGAN2 in Keras 3: networks, their training, and snapshots that NVIDIA's code saved.

Layers, losses, recipes and training live here, and what translates the networks for other engines.
Whatever uses a trained generator does not: see `generators`.
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach(
    __name__,
    submodules=["pictures", "recipe", "to_openvino", "training"],
    submod_attrs={
        "discriminator": ["Discriminator", "build_discriminator"],
        "generator": ["Generator", "build_generator"],
        "nvidia.snapshot": ["import_average", "import_snapshot"],
    },
)
