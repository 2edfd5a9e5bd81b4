"""The open virtual indenter: hardness of tooth enamel from its crystal-orientation map.

Importing the package loads neither TensorFlow nor matplotlib; import the module you need.
"""

import os

__version__ = "0.1.0"

# TensorFlow takes its faster kernels by itself only where a processor has AVX-512; with AVX2 they save a quarter, too
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
