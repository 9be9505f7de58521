"""Embeddings and weights at random, to see what an interaction makes of them."""

import numpy as np


def embeddings(batch=4, num_fields=3, dim=2, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(batch, num_fields, dim)).astype(np.float32)


def with_random_weights(layer, inputs, seed=1):
    """Builds `layer` and moves all its weights, biases too, away from zero."""
    layer(inputs)
    rng = np.random.default_rng(seed)
    for weight in layer.weights:
        weight.assign(rng.normal(scale=0.5, size=weight.shape))
    return layer
