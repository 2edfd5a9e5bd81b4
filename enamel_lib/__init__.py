"""The open virtual indenter: hardness of tooth enamel from its crystal-orientation map.

Importing the package loads neither TensorFlow nor matplotlib; import the module you need.
"""

__version__ = "0.1.0"
