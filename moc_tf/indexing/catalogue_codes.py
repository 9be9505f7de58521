"""From a fitted indexer to the code table of a catalogue."""

from collections.abc import Mapping
from typing import Any

from moc_tf.code_table import CodeTable
from moc_tf.data.vectors import ItemVectors
from moc_tf.indexing.indexer import Indexer


def index_items(
    indexer: Indexer, items: ItemVectors, manifest: Mapping[str, Any] | None = None
) -> CodeTable:
    """Encodes a catalogue.

    Args:
      indexer: a fitted indexer.
      items: the vectors of all items, also of those it was not fitted on.
      manifest: further entries for the table's manifest, such as a checksum of the
        data that chose the fitted items.

    Returns:
      The codes of the items. The manifest tells the method, its settings, seed and
      versions, the vectors' checksum, and the codes' quality.

    Raises:
      NotFittedError: before `indexer.fit`.
      ValueError: if the vectors have another width than the fitted ones.
    """
    codes, quality = indexer.encode_and_measure(items.vectors)
    return CodeTable(
        items.item_ids,
        codes,
        indexer.codebook_size,
        tables_per_code=indexer.tables_per_code,
        manifest={
            **indexer.describe(),
            **(manifest or {}),
            "vectors_sha256": items.sha256(),
            "quality": quality.to_json(),
        },
    )
