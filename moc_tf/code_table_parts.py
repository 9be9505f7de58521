"""Code tables in parts: how the table of a large catalogue is divided on disk.

    part-00000-of-00016/   a code table, as `CodeTable.save` writes it
    ...
    part-00015-of-00016/
    manifest.json          written last: every part's checksum and number of items

Parts are written in any order, by any number of writers, one a part. Readers go by
the manifest, and a part that is not the one it names is an error: whatever interrupts
the writing, nothing half-written is ever read.
"""

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from moc_tf._artefact import (
    ArtefactError,
    ArtefactHeader,
    artefact_sha256,
    check_replaceable,
    read_header,
    write_artefact,
)
from moc_tf.identifiers import preview

CODE_TABLE_KIND = "code_table"
CODE_TABLE_PARTS_KIND = "code_table_parts"
PART_INPUT = "input"  # the one entry in which the manifests of parts may differ

_PART_NAME = re.compile(r"part-\d{5,}-of-\d{5,}")


def part_name(index: int, num_parts: int) -> str:
    """Name of the folder of part `index`, from 0, of `num_parts`."""
    if not 0 <= index < num_parts:
        raise ValueError(
            f"The index of a part must be in [0, num_parts). Received: {index} of "
            f"{num_parts} parts."
        )
    return f"part-{index:05d}-of-{num_parts:05d}"


def check_division(path: str, names: Iterable[str], num_parts: int) -> None:
    """Raises ArtefactError if a folder holds parts of another division.

    They would stay beside the new ones, and nothing would tell that they are stale.

    Args:
      path: the folder, for the message.
      names: what it holds.
      num_parts: into how many parts the table is going to be divided.
    """
    ending = f"-of-{num_parts:05d}"
    foreign = sorted(
        name
        for name in names
        if _PART_NAME.fullmatch(name) and not name.endswith(ending)
    )
    if foreign:
        raise ArtefactError(
            f"{path} must hold no parts but those of a table in {num_parts}. "
            f"Received: {preview(foreign)}, of a table with another number of shards. "
            "Choose another folder, or remove that table."
        )


def check_parts_folder(path: str | os.PathLike[str], num_parts: int) -> list[str]:
    """Names of the parts of a table, in order, if `path` is a folder for them.

    Raises:
      ValueError: if there is no part.
      ArtefactError: if it holds anything but such a table or parts of one.
    """
    if num_parts < 1:
        raise ValueError(
            f"A code table must have at least one part. Received: {num_parts}."
        )
    folder = Path(path)
    names = [part_name(index, num_parts) for index in range(num_parts)]
    held = [entry.name for entry in folder.iterdir()] if folder.is_dir() else []
    check_division(str(path), held, num_parts)
    check_replaceable(folder, CODE_TABLE_PARTS_KIND, beside=names)
    return names


def write_parts_manifest(path: str | os.PathLike[str], num_parts: int) -> int:
    """Makes a code table of its parts, when all are there.

    It reads and verifies the parts' manifests, which name the checksums of ids and
    codes, but not ids and codes themselves. So it cannot tell whether an item is in
    several parts.

    Args:
      path: the folder that holds `part_name(0, num_parts)` and so on, each a saved
        `CodeTable`. Their manifests agree but for the entry "input", which says what
        the part was made from.
      num_parts: number of parts.

    Returns:
      Number of items.

    Raises:
      ValueError: if there is no part.
      ArtefactError: if a part is missing, incomplete, or not made as the first one,
        or if the folder holds anything else.
    """
    folder = Path(path)
    names = check_parts_folder(folder, num_parts)
    shared: dict[str, Any] = {}
    parts = []
    for name in names:
        header = read_header(folder / name, CODE_TABLE_KIND)
        described = _described(header)
        shared = shared or described
        if described != shared:
            raise _made_otherwise(folder / name, names[0], described, shared)
        parts.append(
            {
                "name": name,
                "items": header.shapes["codes"][0],
                "sha256": header.sha256,
                PART_INPUT: header.manifest["made_by"].get(PART_INPUT),
            }
        )
    manifest = {**shared, "parts": parts}
    write_artefact(folder, CODE_TABLE_PARTS_KIND, {}, manifest, beside=names)
    return sum(part["items"] for part in parts)


def part_folders(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Folders of the parts of the table at `path`, in order.

    Raises:
      ArtefactError: if the manifest is missing or damaged, or a part is not the one
        that it names.
    """
    folder = Path(path)
    for part in read_header(folder, CODE_TABLE_PARTS_KIND).manifest["parts"]:
        digest = artefact_sha256(folder / part["name"], CODE_TABLE_KIND)
        if digest != part["sha256"]:
            raise ArtefactError(
                f"{folder / part['name']} is not the part that the manifest of "
                f"{folder} names: its checksum must be {part['sha256']}. Received: "
                f"{digest}. The making of a new table was interrupted: start it again."
            )
        yield folder / part["name"]


def items_in_several(
    parts: Sequence[tuple[str, np.ndarray]],
) -> dict[str, list[str]]:
    """Items that occur more than once in parts, with the parts' names, in order.

    Args:
      parts: name and item ids, strings [items], of each part.
    """
    if not parts:
        return {}
    ids = np.concatenate([item_ids for _, item_ids in parts])
    _, first, counts = np.unique(ids, return_index=True, return_counts=True)
    repeated: dict[str, list[str]] = {
        str(item_id): [] for item_id in ids[first[counts > 1]]
    }
    for name, item_ids in parts if repeated else ():
        for item_id in item_ids[np.isin(item_ids, list(repeated))]:
            repeated[str(item_id)].append(name)
    return repeated


def check_items_apart(
    path: str | os.PathLike[str], parts: Sequence[tuple[str, np.ndarray]]
) -> None:
    """Raises ArtefactError if an item occurs more than once in parts.

    Args:
      path: the table's folder.
      parts: name and item ids, strings [items], of each part.
    """
    if repeated := items_in_several(parts):
        raise repeated_items_error(path, repeated, len(repeated))


def repeated_items_error(
    path: str | os.PathLike[str], repeated: dict[str, list[str]], count: int
) -> ArtefactError:
    """The error of a table whose parts share items.

    Args:
      path: the table's folder.
      repeated: items and the names of the parts they are in; the first few will do.
      count: number of such items.
    """
    shown = [
        f"{item_id!r} in {' and '.join(names)}"
        for item_id, names in list(repeated.items())[:5]
    ]
    more = f" and {count - len(shown)} more" if count > len(shown) else ""
    return ArtefactError(
        f"An item must be in one part of the code table {path}, once. Received: "
        f"{', '.join(shown)}{more}. Remove the repeated rows from the shards of "
        "vectors and make their parts again."
    )


def _described(header: ArtefactHeader) -> dict[str, Any]:
    """What a part has in common with the other parts of its table."""
    manifest = dict(header.manifest)
    made_by = dict(manifest.pop("made_by"))
    made_by.pop(PART_INPUT, None)
    return {
        "tables_per_code": 1,  # of a table that was written before there were others
        **manifest,
        "num_codebooks": header.shapes["codes"][1],
        "made_by": made_by,
    }


def _made_otherwise(
    part: Path, first: str, described: dict[str, Any], shared: dict[str, Any]
) -> ArtefactError:
    pairs = [
        ({**described, "made_by": None}, {**shared, "made_by": None}),
        (described["made_by"], shared["made_by"]),
    ]
    key, received, expected = next(
        (key, _told(one, key), _told(other, key))
        for one, other in pairs
        for key in sorted({*one, *other})
        if (key in one, one.get(key)) != (key in other, other.get(key))
    )
    return ArtefactError(
        f"The parts of a code table must be made alike, and {part} is not made as "
        f"{first}: {key!r} must be {expected}. Received: {received}. Make one of the "
        "two again."
    )


def _told(described: Mapping[str, Any], key: str) -> str:
    return repr(described[key]) if key in described else "nothing"
