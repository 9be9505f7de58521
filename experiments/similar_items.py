"""The items that share most codes with an item: a look at what codes mean."""

import difflib
from collections.abc import Mapping, Sequence

import numpy as np

from moc_tf.code_table import CodeTable, UnknownItemError
from moc_tf.data import load_amazon
from moc_tf.data.amazon_files import read_catalogue, release_paths

_LINE = 120  # characters


def similar_items(table: CodeTable, item_id: str, count: int) -> np.ndarray:
    """Rows of the items that share most codes with `item_id`, at most `count`.

    Items that share equally many are in the table's order; those that share none are
    left out.

    Raises:
      UnknownItemError: if the table has no such item; it names similar ids.
    """
    if (table.item_ids != item_id).all():
        ids = table.item_ids.tolist()
        near = difflib.get_close_matches(item_id, ids, n=3, cutoff=0) or ids[:3]
        raise UnknownItemError(
            f"The item must be one of the {len(table):,} of the code table. Received: "
            f"{item_id!r}. The ids most like it: {', '.join(map(repr, near))}."
        )
    shared = (table.codes == table.lookup([item_id])).sum(axis=1)
    shared[table.item_ids == item_id] = 0
    order = np.argsort(-shared, kind="stable")[:count]
    return order[shared[order] > 0]


def titles(
    dataset: str, data_dir: str | None, item_ids: Sequence[str]
) -> Mapping[str, str]:
    """Titles of items by their ids.

    Args:
      dataset: "amazon/beauty", or another of the Amazon data sets.
      data_dir: folder with the release's files; None downloads them through
        TensorFlow Datasets.
      item_ids: the items.

    Raises:
      ValueError: if there is no such data set, or one of the items is not in it.
    """
    name = dataset.removeprefix("amazon/")
    if data_dir is None:
        catalogue = load_amazon(name)[1]
    else:
        catalogue = read_catalogue(release_paths(name, data_dir)[1], item_ids)
    found = catalogue.attributes["title"][catalogue.rows(item_ids)]
    return dict(zip(item_ids, found.tolist(), strict=True))


def similar_items_text(
    table: CodeTable, item_id: str, rows: np.ndarray, titles: Mapping[str, str]
) -> str:
    """An item, its codes and those of similar items, a line each.

    Args:
      table: the codes.
      item_id: the item.
      rows: of the similar items in the table, from `similar_items`.
      titles: by item id, where they are known.
    """
    codes = table.lookup([item_id])[0]
    shared = (table.codes == codes).sum(axis=1)
    width = len(str(table.codebook_size - 1))
    longest = max(map(len, [item_id, *table.item_ids[rows].tolist()]))

    def line(share: str, row: np.ndarray, other: str) -> str:
        listed = " ".join(f"{code:>{width}}" for code in row)
        title = titles.get(other, "")
        return f"{share:<8} {listed}   {other:<{longest}}   {title}"[:_LINE].rstrip()

    lines = [line("item", codes, item_id)]
    for row in rows:
        share = f"{shared[row]} of {table.num_codebooks}"
        lines.append(line(share, table.codes[row], str(table.item_ids[row])))
    if not len(rows):
        return "\n".join([*lines, "No other item shares a code with it."])
    least = shared[rows[-1]]
    alike = int(np.sum(shared >= least)) - 1
    if alike > len(rows):
        lines.append(
            f"... {len(rows)} of the {alike:,} items that share {least} or more codes"
        )
    return "\n".join(lines)
