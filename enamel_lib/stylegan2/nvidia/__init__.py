"""Networks that NVIDIA's code saved, read without it: StyleGAN2 and StyleGAN2-ADA."""
