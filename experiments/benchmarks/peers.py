"""Which figures of other systems are of the same work as ours."""

from collections.abc import Sequence

from experiments.benchmarks.records import FLOOR, OURS, Record

# Workloads of the kit; the rest is ours alone.
KIT_WORKLOADS = (
    "ceiling",
    "tokenizer_train",
    "tokenizer_encode",
    "quantizer_quality",
    "ranker_train",
    "ranker_predict",
)

_PRECISIONS = {
    "float32": "float32",
    "bfloat16 MLPs": "mixed_bfloat16",
    "bfloat16": "mixed_bfloat16",
    "mixed_bfloat16": "mixed_bfloat16",
}
_QUANTIZERS = {"rq_kmeans": ("RQ",), "pq": ("PQ",), "opq": ("OPQ",)}
_ANY_QUANTIZER = ("RQ", "PQ", "OPQ", "LSQ")
_MODELS = {"dcn_v2": "dcnv2", "deepfm": "deepfm", "autoint_plus": "autoint"}
_INPUTS = {"files": "loader and training", "loader alone": "loader alone"}


def precision_of(record: Record) -> str:
    """Name of the precision in which a record's work was done, as we call it.

    Raises:
      ValueError: if the record names one that is not known.
    """
    name = record.config.get("precision", record.config.get("dtype", "float32"))
    if name not in _PRECISIONS:
        raise ValueError(
            f"The precision of a record must be one of {sorted(_PRECISIONS)}. "
            f"Received: {name!r} of {record.peer!r} in {record.workload}."
        )
    return _PRECISIONS[name]


def candidates(ours: Record, records: Sequence[Record]) -> list[Record]:
    """The peers' records of the same work, in the same precision and metric."""
    rule = {
        "ceiling": _same_product,
        "tokenizer_train": _same_tokenizer,
        "tokenizer_encode": _same_tokenizer,
        "quantizer_quality": _same_quantizer,
        "ranker_train": _same_training,
        "ranker_predict": _same_prediction,
    }.get(ours.workload)
    if rule is None:
        return []
    return [
        record
        for record in records
        if record.peer not in (OURS, FLOOR)
        and (record.workload, record.metric) == (ours.workload, ours.metric)
        and precision_of(record) == precision_of(ours)
        and rule(ours, record)
    ]


def _same_product(ours: Record, peer: Record) -> bool:
    return peer.has({size: ours.config.get(size) for size in ("m", "k", "n")})


def _same_tokenizer(ours: Record, peer: Record) -> bool:
    # Residual levels are another model, and our default form has other widths.
    other_model = str(peer.config.get("quantizer")).startswith("ResidualVQ")
    return ours.config.get("form") == "shared latent" and not other_model


def _same_quantizer(ours: Record, peer: Record) -> bool:
    name = ours.config.get("quantizer")
    alike: tuple[str, ...] = _QUANTIZERS.get(str(name), ())
    if not alike and ours.metric == "relative_mse":
        alike = _ANY_QUANTIZER  # of vectors, which an autoencoder competes with
    # A wider beam finds codes that are no choice of one level after the other.
    is_same = peer.config.get("encode_beam", 1) == 1
    return is_same and peer.config.get("quantizer") in alike


def _same_training(ours: Record, peer: Record) -> bool:
    given = ours.config.get("input", "batches")
    if _INPUTS.get(given) != peer.config.get("input"):
        return False
    # A loader alone has no model, though the kit names the one that it feeds.
    if given != "loader alone" and not _same_model(ours, peer):
        return False
    # Every peer trains by Adam: on the rows of a batch, or on all, as DenseAdam does.
    dense = str(peer.config.get("update")).startswith("dense")
    optimizers = ("lazy_adam", "adam") if dense else ("lazy_adam",)
    return (
        ours.config.get("optimizer") in optimizers
        and ours.config.get("fusion") == "none"
        and ours.config.get("users") == peer.config.get("users")
        and peer.config.get("regulariser") is None
    )


def _same_prediction(ours: Record, peer: Record) -> bool:
    # A peer calls its model on rows of tables; a SavedModel looks up raw ids first.
    sizes = {key: ours.config.get(key) for key in ("batch", "users")}
    is_call = ours.config.get("called") == "tf.function"
    return is_call and _same_model(ours, peer) and peer.has(sizes)


def _same_model(ours: Record, peer: Record) -> bool:
    model = str(ours.config.get("model"))
    return peer.config.get("model") == _MODELS.get(model, model)
