"""The open virtual indenter: hardness of tooth enamel from its crystal-orientation map.

Importing the package loads neither TensorFlow nor matplotlib; import the module you need.
"""

import os

from enamel_lib import quiet  # noqa: F401 - before anything that may import TensorFlow

# TensorFlow uses oneDNN's kernels by itself only on processors with AVX-512; with AVX2 they are half as fast again
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

__version__ = "0.1.0"
