"""NVIDIA's own code under TensorFlow 1.14, in a process of another environment."""
