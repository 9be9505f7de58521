"""An encoder whose vectors depend on the text alone, for tests."""

import hashlib

import numpy as np


def vector_of(text):
    """float32 [4], of any direction, the same on every machine."""
    digest = hashlib.sha256(text.encode()).digest()
    return np.frombuffer(digest[:16], "<u4").astype(np.float32) / 2**31 - 1


class HashEncoder:
    def __init__(self):
        self.batches = []

    def encode(self, texts):
        self.batches.append(texts)
        return np.stack([vector_of(text) for text in texts])
