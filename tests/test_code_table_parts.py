import json
import shutil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moc_tf._artefact import ArtefactError, read_header, write_artefact
from moc_tf.code_table import CodeTable
from moc_tf.code_table_parts import (
    check_division,
    items_in_several,
    part_folders,
    part_name,
    repeated_items_error,
    write_parts_manifest,
)

MADE_BY = {"method": "moc", "indexer_sha256": "ab"}
IDS = [["b", "ä-longer"], [], ["a", "c", "d"]]
CODES = [[[0, 3], [2, 1]], np.zeros((0, 2), int), [[1, 1], [3, 3], [0, 0]]]


def save_part(folder, index, item_ids=None, num_parts=3, codes=None, **options):
    """Writes a part; by default that of IDS and CODES."""
    options = {"codebook_size": 4, "manifest": MADE_BY, **options}
    manifest = {**options.pop("manifest"), "input": {"shard": f"s{index}"}}
    table = CodeTable(
        IDS[index] if item_ids is None else item_ids,
        CODES[index] if codes is None else codes,
        manifest=manifest,
        **options,
    )
    table.save(folder / part_name(index, num_parts))
    return table


@pytest.fixture
def parts(tmp_path):
    folder = tmp_path / "table"
    for index in (2, 0, 1):
        save_part(folder, index)
    return folder


def test_names_sort_as_their_parts():
    assert part_name(3, 16) == "part-00003-of-00016"
    names = [part_name(index, 100_000) for index in (0, 9, 10, 99_999)]
    assert names == sorted(names)
    for index, num_parts in [(16, 16), (-1, 16), (0, 0)]:
        with pytest.raises(ValueError, match=f"Received: {index} of {num_parts} parts"):
            part_name(index, num_parts)


def test_a_table_in_parts_is_one_table(parts):
    assert write_parts_manifest(parts, 3) == 5
    whole = CodeTable([*IDS[0], *IDS[2]], [*CODES[0], *CODES[2]], 4)
    loaded = CodeTable.load(parts)
    assert loaded.sha256() == whole.sha256()
    assert loaded.lookup(["c", "b"]).tolist() == [[3, 3], [0, 3]]
    sha256 = [
        read_header(parts / part_name(i, 3), "code_table").sha256 for i in range(3)
    ]
    assert loaded.manifest == {
        **MADE_BY,
        "parts": [
            {
                "name": part_name(index, 3),
                "items": len(IDS[index]),
                "sha256": sha256[index],
                "input": {"shard": f"s{index}"},
            }
            for index in range(3)
        ],
    }


def test_one_part_is_read_at_a_time(parts):
    write_parts_manifest(parts, 3)
    read = CodeTable.iter_parts(parts)
    first = next(read)
    assert first == CodeTable.load(parts / part_name(0, 3))
    shutil.rmtree(parts / part_name(2, 3))
    assert len(next(read)) == 0
    with pytest.raises(ArtefactError, match=r"no folder .*part-00002-of-00003"):
        next(read)


def test_a_table_that_is_not_divided_is_one_part(tmp_path):
    table = CodeTable(["a"], [[0]], 2, MADE_BY)
    table.save(tmp_path)
    assert list(CodeTable.iter_parts(tmp_path)) == [table]


def test_tables_a_code_are_those_of_the_parts(tmp_path):
    for index in range(3):
        save_part(tmp_path, index, tables_per_code=2)
    write_parts_manifest(tmp_path, 3)
    assert CodeTable.load(tmp_path).tables_per_code == 2


def test_parts_from_before_there_were_several_tables_are_read(tmp_path):
    write_artefact(
        tmp_path / part_name(0, 1),
        "code_table",
        {"item_ids": np.array(["a"]), "codes": np.array([[1]], np.int32)},
        {"codebook_size": 2, "made_by": {}},
    )
    write_parts_manifest(tmp_path, 1)
    assert CodeTable.load(tmp_path).tables_per_code == 1


def test_parts_without_the_manifest_are_no_table(parts):
    with pytest.raises(
        ArtefactError, match=r"no manifest\.json: its writing was inter"
    ):
        CodeTable.load(parts)
    with pytest.raises(
        ArtefactError, match=r"no manifest\.json: its writing was inter"
    ):
        next(CodeTable.iter_parts(parts))


@pytest.mark.parametrize("how", ["missing", "unfinished", "altered manifest"])
def test_the_manifest_waits_for_every_part(parts, how):
    part = parts / part_name(1, 3)
    if how == "missing":
        shutil.rmtree(part)
    elif how == "unfinished":
        (part / "manifest.json").unlink()
    else:
        manifest = part / "manifest.json"
        manifest.write_text(manifest.read_text().replace("s1", "s2"))
    with pytest.raises(ArtefactError, match="part-00001-of-00003"):
        write_parts_manifest(parts, 3)
    assert not (parts / "manifest.json").exists()


def test_a_damaged_part_is_found_when_it_is_read(parts):
    write_parts_manifest(parts, 3)
    file = next((parts / part_name(2, 3)).glob("codes-*.npy"))
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    with pytest.raises(ArtefactError, match=r"part-00002.*was altered or truncated"):
        CodeTable.load(parts)


def test_a_part_that_was_made_anew_is_not_taken_for_the_old_one(parts):
    write_parts_manifest(parts, 3)
    save_part(parts, 0, codes=[[0, 3], [2, 2]])
    with pytest.raises(
        ArtefactError,
        match=r"part-00000-of-00003 is not the part .* Received: [0-9a-f]{64}\. ",
    ):
        CodeTable.load(parts)
    write_parts_manifest(parts, 3)
    assert CodeTable.load(parts).lookup(["ä-longer"]).tolist() == [[2, 2]]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"codebook_size": 5}, r"'codebook_size' must be 4\. Received: 5\. Make"),
        ({"codes": [[0], [1], [2]]}, r"'num_codebooks' must be 2\. Received: 1\."),
        ({"tables_per_code": 3}, r"'tables_per_code' must be 1\. Received: 3\."),
        (
            {"manifest": {"method": "moc", "indexer_sha256": "cd"}},
            r"part-00002-of-00003 is not made as part-00000-of-00003: "
            r"'indexer_sha256' must be 'ab'\. Received: 'cd'\.",
        ),
        ({"manifest": {"method": "moc"}}, r"must be 'ab'\. Received: nothing\."),
        (
            {"manifest": {**MADE_BY, "note": None}},
            r"'note' must be nothing\. Received: None\.",
        ),
    ],
)
def test_parts_must_be_made_alike(parts, options, message):
    save_part(parts, 2, **options)
    with pytest.raises(ArtefactError, match=message):
        write_parts_manifest(parts, 3)


@pytest.mark.parametrize("key", ["codebook_size", "made_by"])
def test_a_manifest_may_name_what_tables_name(tmp_path, key):
    for index, size in enumerate([4, 4, 5]):
        save_part(tmp_path, index, codebook_size=size, manifest={key: 8})
    with pytest.raises(ArtefactError, match=r"'codebook_size' must be 4\. Received: 5"):
        write_parts_manifest(tmp_path, 3)
    save_part(tmp_path, 2, manifest={key: 9})
    with pytest.raises(ArtefactError, match=rf"'{key}' must be 8\. Received: 9"):
        write_parts_manifest(tmp_path, 3)


@pytest.mark.parametrize("num_parts", [0, -1])
def test_a_table_has_at_least_one_part(tmp_path, num_parts):
    with pytest.raises(ValueError, match=rf"at least one part\. Received: {num_parts}"):
        write_parts_manifest(tmp_path, num_parts)
    assert list(tmp_path.iterdir()) == []


def test_an_item_in_several_parts_is_an_error_that_names_both(parts):
    save_part(parts, 1, ["x", "c", "b"], codes=np.zeros((3, 2), int))
    write_parts_manifest(parts, 3)
    with pytest.raises(
        ArtefactError,
        match=r"in one part of the code table .*table, once\. Received: "
        r"'b' in part-00000-of-00003 and part-00001-of-00003, "
        r"'c' in part-00001-of-00003 and part-00002-of-00003\. Remove the repeated",
    ):
        CodeTable.load(parts)


def test_an_error_shows_the_first_few_items():
    repeated = {str(n): ["p", "q"] for n in range(7)}
    assert "'4' in p and q and 93 more. " in str(
        repeated_items_error("x", repeated, 98)
    )


@settings(deadline=None)
@given(st.lists(st.lists(st.sampled_from("abcdefghijkl"), unique=True), max_size=4))
def test_items_in_several_parts_are_found(ids):
    parts = [(f"p{n}", np.array(part, str)) for n, part in enumerate(ids)]
    expected = {
        item: [f"p{n}" for n, part in enumerate(ids) if item in part]
        for item in "abcdefghijkl"
    }
    expected = {item: names for item, names in expected.items() if len(names) > 1}
    assert items_in_several(parts) == expected


def test_parts_of_another_division_are_refused(parts):
    save_part(parts, 0, num_parts=2)
    with pytest.raises(
        ArtefactError,
        match=r"those of a table in 3\. Received: 'part-00000-of-00002', of a table",
    ):
        write_parts_manifest(parts, 3)
    check_division("x", ["part-00001-of-00003", "notes", "part-of-00002"], 3)


def test_a_folder_with_anything_else_is_refused(parts):
    (parts / "mine.txt").write_text("mine")
    with pytest.raises(ArtefactError, match=r"not empty .* Found: 'mine\.txt'"):
        write_parts_manifest(parts, 3)


def test_the_two_kinds_of_table_do_not_replace_each_other(parts, tmp_path):
    write_parts_manifest(parts, 3)
    table = CodeTable.load(parts)
    with pytest.raises(ArtefactError, match=r"kind 'code_table'\. Received: .*_parts'"):
        table.save(parts)
    table.save(tmp_path / "whole")
    assert CodeTable.load(tmp_path / "whole") == table
    with pytest.raises(ArtefactError, match=r"kind 'code_table_parts'\. Received: one"):
        list(part_folders(tmp_path / "whole"))


def test_the_manifest_lies_beside_the_parts(parts):
    write_parts_manifest(parts, 3)
    content = json.loads((parts / "manifest.json").read_text())
    assert content["kind"] == "code_table_parts"
    assert sorted(entry.name for entry in parts.iterdir()) == [
        "manifest.json",
        *(part_name(index, 3) for index in range(3)),
    ]


def test_a_table_in_parts_can_be_extended(parts):
    write_parts_manifest(parts, 3)
    bigger = CodeTable.load(parts).extend(["new"], [[0, 1]], MADE_BY)
    assert bigger.item_ids.tolist()[-2:] == ["d", "new"]
    with pytest.raises(ValueError, match="indexer_sha256 'cd', the table has 'ab'"):
        bigger.extend(["newer"], [[0, 1]], {"indexer_sha256": "cd"})
