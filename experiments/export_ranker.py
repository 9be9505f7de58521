r"""Writes a trained ranker as a SavedModel that takes raw user and item ids.

    python -m experiments.export_ranker \
        --run=runs/beauty/runs/dcn_v2/moc-7/self_gating/seed-0-1a2b3c4d \
        --out=exports/beauty/1

`--run` is the folder of a finished run of `train_ranker` or `quickstart`, within the
working folder that it was written to. The SavedModel needs TensorFlow alone, or
TensorFlow Serving, for which the last folder of `--out` is a version number.

Signature `serving_default`: `user` and `item`, strings [batch], to `probability` and
`logit`, float32 [batch]. Vocabularies, item attributes and codes are looked up inside;
unknown ids are served as values that training never saw.

Signature `with_item_vectors`, where the run's method can encode in a graph: also
`item_vector`, float32 [batch, X], from the encoder that the codes were made of. An item
without codes gets those of its vector; a row of zeros says that it has none. Encoding
costs a request that needs it some milliseconds. The ranker of method `adaptor`, which
has no codes, reads the vectors of new items as they come.

Seconds for 12,000 items.
"""

from absl import app, flags

_RUN = flags.DEFINE_string("run", None, "Folder of a finished run.", required=True)
_OUT = flags.DEFINE_string(
    "out", None, "Folder to write to: new, empty, or an earlier export.", required=True
)
_VECTORS = flags.DEFINE_bool(
    "vectors",
    None,
    "Whether to write with_item_vectors; default: where vectors are of use.",
)


def main(_: list[str]) -> None:
    """Exports and prints what was written, with a request to try."""
    import json

    from experiments.usage_errors import usage_errors
    from moc_tf.training.export import ExportError, export_run

    with usage_errors(ExportError):
        written = export_run(_RUN.value, _OUT.value, _VECTORS.value)
    print(f"Wrote {written.path}: {written.about}.")
    for name, inputs in written.signatures.items():
        columns = ", ".join(
            " ".join([key, *(f"[{size}]" for size in shape)])
            for key, shape in inputs.items()
        )
        print(f"  {name:<18} {columns} -> probability, logit")
    if written.without_vectors:
        print(f"  no with_item_vectors: {written.without_vectors}")
    print(f"It knows {written.known['user']:,} users, {written.known['item']:,} items.")
    request = json.dumps({"instances": [written.example]})
    print(
        "\nIn Python:\n"
        f"  serve = tf.saved_model.load({str(written.path)!r}).signatures"
        '["serving_default"]\n'
        f"  serve(**{{k: tf.constant([v]) for k, v in {written.example}.items()}})\n"
        "With TensorFlow Serving, of a model named ranker:\n"
        f"  curl -d {request!r} http://localhost:8501/v1/models/ranker:predict"
    )


if __name__ == "__main__":
    app.run(main)
