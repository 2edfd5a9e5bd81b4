"""Losses of StyleGAN2, for any backend: non-saturating logistic loss, R1, path lengths, style mixing.

All scores are `(N, 1)`; images `(N, R, R, 3)`; styles `w_plus` `(N, L, style_dim)`. Regularisers come one value per
sample, so that the caller weights and averages them.
"""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from enamel_lib.stylegan2.backends import gradient

PATH_DECAY = 0.01  # of the running mean of path lengths
W_AVG_DECAY = 0.995
BETAS, EPSILON = (0.0, 0.99), 1e-8


def generator_loss(fake_scores: Any) -> Any:
    """Non-saturating logistic loss: mean of softplus(-D(fake))."""
    return ops.mean(ops.softplus(-ops.cast(fake_scores, "float32")))


def discriminator_loss(real_scores: Any, fake_scores: Any) -> Any:
    """Logistic loss: mean of softplus(D(fake)) plus mean of softplus(-D(real))."""
    real_scores, fake_scores = ops.cast(real_scores, "float32"), ops.cast(fake_scores, "float32")
    return ops.mean(ops.softplus(fake_scores)) + ops.mean(ops.softplus(-real_scores))


def r1(discriminator: Callable[[Any], Any], reals: Any) -> Any:
    """Squared norm of the gradient of the score at each real image, `(N,)`; the penalty is gamma/2 times its mean."""
    slope = gradient(lambda images: ops.sum(ops.cast(discriminator(images), "float32")), reals)
    return ops.sum(ops.square(slope), axis=(1, 2, 3))


def path_lengths(synthesis: Callable[[Any], Any], w_plus: Any, noise: Any) -> Any:
    """How far each image moves along a random direction for a unit step of its styles, `(N,)`.

    `synthesis` takes styles to images, and is measured at `w_plus`; `noise` are random images of unit variance, which
    are divided by sqrt(height * width) here.
    """
    height, width = noise.shape[1:3]
    direction = noise / (height * width) ** 0.5
    slope = gradient(lambda w: ops.sum(ops.cast(synthesis(w), "float32") * direction), w_plus)
    return ops.sqrt(ops.mean(ops.sum(ops.square(ops.cast(slope, "float32")), axis=2), axis=1))


def mixed_styles(generator: keras.Model, z: Any, crossover: Any) -> tuple[Any, Any]:
    """Styles of pairs of latents `(2, N, latent_dim)`: of the first up to a layer, of the second from there on.

    `crossover` are the layers, `(N,)` whole numbers; `num_layers` mixes nothing. Gives w_plus
    `(N, num_layers, style_dim)` and the mean style of the first latents, `(style_dim,)`.
    """
    first, second = generator.mapping(z[0]), generator.mapping(z[1])
    of_first = ops.arange(generator.num_layers)[None, :] < crossover[:, None]
    w_plus = ops.where(of_first[..., None], first[:, None], second[:, None])
    return w_plus, ops.mean(ops.cast(first, "float32"), axis=0)


def adam(learning_rate: float, every: int) -> keras.optimizers.Adam:
    """Adam for a network whose regulariser steps once in `every` steps: rate and betas as for that much more steps."""
    share = every / (every + 1)
    return keras.optimizers.Adam(learning_rate * share, *(beta**share for beta in BETAS), epsilon=EPSILON)
