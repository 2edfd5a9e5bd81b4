"""The open virtual indenter: hardness of tooth enamel from its crystal-orientation map.

Importing the package loads neither TensorFlow nor matplotlib; import the module you need.
"""

import os
import sys

from enamel_lib import quiet  # noqa: F401 - before anything that may import TensorFlow

# TensorFlow uses oneDNN's kernels by itself only on processors with AVX-512; with AVX2 they are half as fast again
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")  # not what a keras.json says that was written for something else
sys.modules.setdefault("openvino_telemetry", None)  # OpenVINO, which reports every import to Intel, does without it

__version__ = "0.1.0"
