"""StyleGAN2 in Keras 3: networks, training, and networks that NVIDIA's TensorFlow code saved."""

from enamel_lib.stylegan2.networks import Discriminator, Generator, build_discriminator, build_generator
from enamel_lib.stylegan2.snapshot import import_snapshot

__all__ = ["Discriminator", "Generator", "build_discriminator", "build_generator", "import_snapshot"]
