"""What the figures of growth say of a catalogue that nobody has here."""

import math
from collections.abc import Sequence

from experiments.benchmarks.records import Record
from experiments.benchmarks.shapes import (
    FIELDS_BESIDE_CODES,
    RankerShape,
    TokenizerShape,
)

_ITEMS = 100_000_000
_BYTES = 4  # of a float32, and of a code
_READS_AND_WRITES = 7  # of a row: read for the product; it and both moments, twice

# Of one accelerator. Source: NVIDIA, "H200 Tensor Core GPU", data sheet, 2024.
_ACCELERATOR = (
    "an H200 (67 TFLOP/s in float32, 4.8 TB/s of memory, 64 GB/s from the host)"
)
_FLOPS, _MEMORY, _HOST = 67e12, 4.8e12, 64e9


def extrapolation(records: Sequence[Record]) -> str:
    """Paragraphs on 100 million items and on an accelerator; "" without the figures.

    Args:
      records: of a benchmark at full size, those of `growth` among them.
    """
    encoding = _grown(records, "items", "encode")
    fitting = _grown(records, "items", "an epoch of fit")
    training = _grown(records, "vocabulary", "a row of dcn_v2")
    if min(len(encoding), len(fitting), len(training)) < 2:
        return ""
    parts = [_of_items(encoding, fitting), _of_rankers(training), _of_accelerators()]
    return "## To 100 million items\n\n" + "\n\n".join(parts)


def growth_exponent(points: Sequence[tuple[int, float]]) -> float:
    """The p of cost ~ size^p, by the two largest sizes: 1 is linear, 0 constant."""
    (size, cost), (larger, more) = sorted(points)[-2:]
    return math.log(more / cost) / math.log(larger / size)


def _grown(records: Sequence[Record], axis: str, what: str) -> list[tuple[int, float]]:
    """Size and cost of each figure that is not void."""
    return sorted(
        (int(record.config["size"]), record.value)
        for record in records
        if record.workload == "growth"
        and not record.is_void
        and (record.config["case"], record.config["what"]) == (axis, what)
    )


def _of_items(
    encoding: Sequence[tuple[int, float]], fitting: Sequence[tuple[int, float]]
) -> str:
    (before, _), (size, seconds) = encoding[-2:]
    fit_size, fit_seconds = fitting[-1]
    hours = seconds / size * _ITEMS / 3600
    fit_hours = fit_seconds / fit_size * _ITEMS / 3600
    return (
        f"Between {before:,} and {size:,} items the time to encode all grows as their "
        f"number to the power of {growth_exponent(encoding):.2f}, that of an epoch of "
        f"fitting to {growth_exponent(fitting):.2f}. At "
        f"{1e6 * seconds / size:.1f} microseconds an item, {_ITEMS:,} are encoded in "
        f"{hours:.1f} hours on this machine. An epoch over all of them would take "
        f"{fit_hours:.1f} hours, but codebooks need no more vectors than what "
        f"determines them: forty epochs over a million at random take "
        f"{40e6 * fit_seconds / fit_size / 3600:.1f} hours, whatever the catalogue."
    )


def _of_rankers(training: Sequence[tuple[int, float]]) -> str:
    shape = RankerShape()
    (least, before), (most, after) = training[0], training[-1]
    fields = FIELDS_BESIDE_CODES + shape.num_codes
    row = shape.embedding_dim * _BYTES
    table = _ITEMS * row
    codes = _ITEMS * shape.num_codes * _BYTES
    tables = shape.num_codes * shape.codebook_size * row
    moved = _READS_AND_WRITES * shape.batch_size * fields * row
    return (
        f"A row of training costs {after / before:.2f} times as much at {most:,} users "
        f"as at {least:,}: a step reads and writes the rows that it uses, "
        f"{shape.batch_size:,} x {fields} of {row} bytes, at most "
        f"{moved / 1e6:.0f} MB with both moments, however many there are. What grows "
        f"is memory: an embedding for each of {_ITEMS:,} ids is {table / 1e9:.1f} GB, "
        f"{3 * table / 1e9:.1f} GB with its moments; their {shape.num_codes} codes are "
        f"{codes / 1e9:.1f} GB, and the embeddings of all codes {tables / 1e3:.0f} kB. "
        f"A ranker without the item id, which new items lack anyway, needs no more "
        f"weights for {_ITEMS:,} than for a thousand."
    )


def _of_accelerators() -> str:
    from moc_tf.indexing import AutoencoderConfig

    shape, ranker = TokenizerShape(), RankerShape()
    flops = shape.encode_flops(AutoencoderConfig().hidden_units, shape.num_codebooks)
    size = shape.dim * _BYTES + shape.num_codebooks * _BYTES
    fields = FIELDS_BESIDE_CODES + ranker.num_codes
    row_flops = 6 * ranker.forward_macs("dcn_v2")
    row_bytes = _READS_AND_WRITES * fields * ranker.embedding_dim * _BYTES
    return (
        f"On {_ACCELERATOR}: a vector costs {flops / 1e6:.2f} MFLOP to encode and "
        f"{size:,} bytes to read and write, {flops / size:.0f} operations a byte. For "
        f"{_ITEMS:,} the products take {_ITEMS * flops / _FLOPS:.1f} s at best, memory "
        f"{_ITEMS * size / _MEMORY:.2f} s, and the way from the host "
        f"{_ITEMS * size / _HOST:.1f} s: how fast vectors come bounds it there, and "
        f"from a disk of 3 GB/s they take {_ITEMS * size / 3e9:.0f} s. A row of "
        f"DCN V2 costs {row_flops / 1e6:.2f} MFLOP and {row_bytes:,} bytes of tables, "
        f"{row_flops / row_bytes:.0f} operations a byte: at best "
        f"{_FLOPS / row_flops / 1e6:.0f} million rows a second by its products, "
        f"{_MEMORY / row_bytes / 1e6:.0f} million by its memory. No accelerator was "
        f"measured here; these are bounds, not promises."
    )
