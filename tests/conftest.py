"""One switch for all tests: Keras 2, before any of them touches tf.keras."""

import moc_tf  # noqa: F401
