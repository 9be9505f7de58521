import subprocess
import sys
from typing import ClassVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import moc_tf
from moc_tf._artefact import ArtefactError, write_artefact
from moc_tf.code_table import CodeTable, UnknownItemError

MANIFEST = {"method": "moc", "seed": 0, "figures": {"nmi": 0.25}}


@pytest.fixture
def table():
    return CodeTable(["b", "a", "c"], [[0, 3], [2, 1], [1, 1]], 4, MANIFEST)


def test_it_says_what_it_holds(table):
    assert moc_tf.CodeTable is CodeTable
    assert (len(table), table.num_codebooks, table.codebook_size) == (3, 2, 4)
    assert table.item_ids.tolist() == ["b", "a", "c"]
    assert table.codes.tolist() == [[0, 3], [2, 1], [1, 1]]
    assert table.codes.dtype == np.int32
    assert table.manifest == MANIFEST
    assert repr(table) == (
        "CodeTable(3 items, num_codebooks=2, codebook_size=4, method='moc')"
    )


def test_lookup_gives_rows_in_the_order_asked_for(table):
    codes = table.lookup(["a", "b", "a"])
    assert codes.tolist() == [[2, 1], [0, 3], [2, 1]]
    assert codes.dtype == np.int32
    assert table.lookup([]).shape == (0, 2)


def test_ids_may_be_integers_or_bytes():
    table = CodeTable([10, 2], [[0], [1]], 2)
    assert table.lookup([2, 10]).tolist() == [[1], [0]]
    assert table.lookup([b"10"]).tolist() == [[0]]


def test_unknown_items_raise_or_have_no_code(table):
    with pytest.raises(
        UnknownItemError,
        match=r"^2 item ids are not in the code table of 3 items\. "
        r"Received: 'x', 'y'\. Encode their vectors with the indexer that made this",
    ):
        table.lookup(["x", "a", "y", "x"])
    assert table.lookup(["x", "a", "y"], missing="unknown").tolist() == [
        [-1, -1],
        [2, 1],
        [-1, -1],
    ]
    with pytest.raises(ValueError, match=r"'error' or 'unknown'\. Received: 'ignore'"):
        table.lookup(["a"], missing="ignore")


@settings(deadline=None)
@given(st.lists(st.text("abcxyz0", min_size=1), unique=True, min_size=1), st.data())
def test_lookup_is_a_dictionary(item_ids, data):
    codes = np.arange(2 * len(item_ids)).reshape(-1, 2)
    dictionary = dict(zip(item_ids, codes.tolist(), strict=True))
    wanted = data.draw(st.lists(st.sampled_from([*item_ids, "never"])))
    found = CodeTable(item_ids, codes, codes.size).lookup(wanted, missing="unknown")
    assert found.tolist() == [dictionary.get(i, [-1, -1]) for i in wanted]


def test_nothing_can_change_it(table):
    codes, ids = np.array([[1], [0]]), np.array(["a", "b"])
    mine = CodeTable(ids, codes, 2, MANIFEST)
    codes[:], ids[:] = 0, "z"
    mine.manifest["figures"]["nmi"] = 1.0
    assert mine == CodeTable(["a", "b"], [[1], [0]], 2, MANIFEST)
    for array in (mine.codes, mine.item_ids):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = array[1]
    with pytest.raises(AttributeError):
        mine.codes = codes
    mine.lookup(["a"])[:] = 9  # a copy, so it may be changed
    assert mine.codes.tolist() == [[1], [0]]


def test_equality_compares_everything(table):
    parts = [["b", "a", "c"], [[0, 3], [2, 1], [1, 1]], 4, MANIFEST]
    assert table == CodeTable(*parts)
    for i, other in enumerate([["b", "a", "d"], [[0, 3], [2, 1], [1, 0]], 5, {}]):
        assert table != CodeTable(*parts[:i], other, *parts[i + 1 :])
    assert table != CodeTable(*parts, tables_per_code=2)
    assert table == CodeTable(*parts, tables_per_code=1)
    assert table != "table"


def test_save_and_load_round_trip(table, tmp_path):
    table.save(tmp_path / "codes")
    loaded = CodeTable.load(tmp_path / "codes")
    assert loaded == table
    assert loaded.lookup(["c"]).tolist() == [[1, 1]]
    table.shuffled(1).save(tmp_path / "codes")
    assert CodeTable.load(tmp_path / "codes") == table.shuffled(1)


def test_loading_verifies(table, tmp_path):
    table.save(tmp_path)
    file = next(tmp_path.glob("codes-*.npy"))
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    with pytest.raises(ArtefactError, match="altered"):
        CodeTable.load(tmp_path)
    write_artefact(tmp_path / "other", "indexer", {}, {})
    with pytest.raises(
        ArtefactError, match="must hold an artefact of kind 'code_table'"
    ):
        CodeTable.load(tmp_path / "other")
    with pytest.raises(
        ArtefactError, match="must hold an artefact of kind 'code_table'"
    ):
        table.save(tmp_path / "other")


def test_several_tables_a_code_stay_with_the_table(tmp_path):
    one = CodeTable(["a", "b"], [[1], [0]], 2, {"method": "me"})
    table = CodeTable(["a", "b"], [[1], [0]], 2, {"method": "me"}, tables_per_code=7)
    assert (one.tables_per_code, table.tables_per_code) == (1, 7)
    assert repr(table) == (
        "CodeTable(2 items, num_codebooks=1, codebook_size=2, tables_per_code=7, "
        "method='me')"
    )
    table.save(tmp_path)
    assert CodeTable.load(tmp_path) == table
    assert table.shuffled(0).tables_per_code == 7
    assert table.extend(["c"], [[1]]).tables_per_code == 7
    others = {one.sha256(), table.sha256()}
    assert len({CodeTable(["a", "b"], [[1], [0]], 2).sha256()} | others) == 2
    for value in (0, 1.0, True, 2**31):
        with pytest.raises(ValueError, match=rf"tables_per_code must.*: {value}\."):
            CodeTable(["a"], [[0]], 2, tables_per_code=value)


def test_a_checksum_of_one_table_a_code_is_what_it_always_was():
    assert CodeTable(["a", "b"], [[0, 3], [2, 1]], 4).sha256() == (
        "a3d4e5a1f162b254918c1f1bb5d885f744d80c558458ee0e615cfd1d09054d0a"
    )


def test_a_table_from_before_there_were_several_is_read(table, tmp_path):
    write_artefact(
        tmp_path,
        "code_table",
        {"item_ids": table.item_ids, "codes": table.codes},
        {"codebook_size": 4, "made_by": MANIFEST},
    )
    assert CodeTable.load(tmp_path) == table


def test_shuffled_deals_the_same_rows_to_other_items():
    codes = np.random.default_rng(0).integers(0, 8, (200, 3))
    table = CodeTable(np.arange(200), codes, 8, MANIFEST)
    shuffled = table.shuffled(5)
    assert shuffled.item_ids.tolist() == table.item_ids.tolist()
    assert sorted(shuffled.codes.tolist()) == sorted(codes.tolist())
    # Rows that stay: 1 by the permutation, 1 in 512 by equal codes, on average.
    assert (shuffled.codes == codes).all(axis=1).sum() < 10
    assert shuffled == table.shuffled(5)
    assert shuffled != table.shuffled(6)
    assert shuffled.manifest == {**MANIFEST, "shuffled_seeds": [5]}
    assert shuffled.shuffled(6).manifest["shuffled_seeds"] == [5, 6]
    assert table.manifest == MANIFEST


@pytest.mark.parametrize(
    ("item_ids", "codes", "size", "message"),
    [
        (["a"], [0], 2, r"shape \[items, num_codebooks\].*Received: shape \(1,\)"),
        (["a"], [[]], 2, r"at least one codebook\. Received: shape \(1, 0\)"),
        (["a"], [[0.0]], 2, "must be integers. Received: dtype float64"),
        (["a"], [[True]], 2, "must be integers. Received: dtype bool"),
        (["a", "b"], [[0]], 2, "one row an item. Received: 1 rows for 2 item_ids"),
        (["a", "a"], [[0], [1]], 2, "item_ids must be unique.*'a'"),
        (
            ["a", "b", "c"],
            [[0, 1], [1, 2], [5, 0]],
            2,
            r"lie in \[0, 2\).*Received: 2 for item 'b' in codebook 1, and 1 more",
        ),
        (["a"], [[-1]], 2, "Received: -1 for item 'a' in codebook 0"),
        (["a"], np.array([[2**63]], np.uint64), 2, f"Received: {2**63} for item 'a'"),
        (["a"], [[0]], 0, "at least 1.*Received: 0"),
        (["a"], [[0]], 2**31, "int32 holds. Received: 2147483648"),
        (["a"], [[0]], None, "codebook_size must be an integer.*Received: None"),
        (["a"], [[0]], 2.0, "codebook_size must be an integer.*Received: 2.0"),
        (["a"], [[0]], True, "codebook_size must be an integer.*Received: True"),
        ([["a"]], [[0]], 2, "item_ids must be one-dimensional"),
        ([0.5], [[0]], 2, "item_ids must be strings or integers"),
    ],
)
def test_bad_input_is_named(item_ids, codes, size, message):
    with pytest.raises(ValueError, match=message):
        CodeTable(item_ids, codes, size)


def test_a_manifest_that_json_cannot_keep_is_refused_at_once():
    with pytest.raises(ValueError, match=r"manifest\['nmi'\] must be"):
        CodeTable(["a"], [[0]], 2, {"nmi": float("nan")})


def test_a_table_needs_no_tensorflow(table, tmp_path):
    table.save(tmp_path)
    program = (
        "import sys, moc_tf; moc_tf.CodeTable.load(sys.argv[1]); "
        "sys.exit('tensorflow' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=True)


def test_the_checksum_tells_ids_codes_and_size_apart_but_not_manifests():
    ids, codes = ["a", "b"], [[0, 3], [2, 1]]
    table = CodeTable(ids, codes, 4, manifest={"method": "moc"})
    assert table.sha256() == CodeTable(ids, codes, 4).sha256()
    others = [
        CodeTable(["a", "c"], codes, 4),
        CodeTable(ids, [[0, 3], [2, 2]], 4),
        CodeTable(ids, codes, 5),
        CodeTable(ids, [[0], [2]], 4),
    ]
    assert len({t.sha256() for t in [table, *others]}) == 5


def test_the_checksum_tells_line_breaks_in_ids_from_those_between_them():
    codes = np.zeros((2, 1), int)
    tables = [
        CodeTable(ids, codes, 2, tables_per_code=tables)
        for ids in (["a\nb", "c"], ["a", "b\nc"], ["a", "b"], ['["a\\nb"', '"c"]'])
        for tables in (1, 2)
    ]
    assert len({table.sha256() for table in tables}) == len(tables)


class TestExtend:
    made_by: ClassVar = {
        "method": "moc",
        "configuration": {"seed": 0, "hidden_units": [8, 4]},
        "fit": {"items": 3},
        "versions": {"numpy": "2.0"},
        "indexer_sha256": "ab12",
    }

    @pytest.fixture
    def table(self):
        ids, codes = ["b", "a", "c"], [[0, 3], [2, 1], [1, 1]]
        return CodeTable(ids, codes, 4, self.made_by)

    def test_old_rows_stay_as_they_are_and_new_ones_follow(self, table):
        bigger = table.extend(["ä-longer", "A"], [[3, 3], [0, 0]], self.made_by)
        assert bigger.item_ids.tolist() == ["b", "a", "c", "ä-longer", "A"]
        assert bigger.codes[:3].tobytes() == table.codes.tobytes()
        assert bigger.codes[3:].tolist() == [[3, 3], [0, 0]]
        assert bigger.lookup(["A", "a"]).tolist() == [[0, 0], [2, 1]]
        assert len(table) == 3
        assert table.manifest == self.made_by

    def test_the_manifest_lists_the_extensions(self, table, tmp_path):
        bigger = table.extend([1, 2], [[0, 0], [0, 0]], self.made_by)
        bigger = bigger.extend([3], [[0, 0]], {"note": "spring"}).extend([4], [[1, 1]])
        assert bigger.manifest == {
            **self.made_by,
            "extensions": [
                {"items": 2, "made_by": self.made_by},
                {"items": 1, "made_by": {"note": "spring"}},
                {"items": 1, "made_by": {}},
            ],
        }
        bigger.save(tmp_path)
        assert CodeTable.load(tmp_path) == bigger

    def test_an_extension_can_be_repeated(self, table):
        bigger = table.extend(["d", "b"], [[3, 3], [0, 3]], self.made_by)
        assert bigger.item_ids.tolist() == ["b", "a", "c", "d"]
        assert bigger.manifest["extensions"][0]["items"] == 1
        assert bigger.extend(["b", "d"], [[0, 3], [3, 3]], self.made_by) == bigger

    def test_an_empty_table_can_be_extended(self):
        empty = CodeTable([], np.zeros((0, 2), int), 4)
        assert empty.extend(["a"], [[1, 2]]).lookup(["a"]).tolist() == [[1, 2]]

    def test_other_codes_of_an_item_are_an_error_that_names_it(self, table):
        with pytest.raises(
            ValueError,
            match=r"^2 items are in the table of 3 already, with other codes\. "
            r"Received: 'c', 'b'\. Old rows are never changed",
        ):
            table.extend(["x", "c", "a", "b"], [[0, 0], [1, 0], [2, 1], [1, 3]])

    @pytest.mark.parametrize(
        ("item_ids", "codes", "message"),
        [
            (["x"], [[0, 1, 2]], r"as the table, 2\. Received: 3\. Were they made by"),
            (["x"], [[0, 4]], r"lie in \[0, 4\).*Received: 4 for item 'x'"),
            (["x", "y"], [[0, 1]], "1 rows for 2 item_ids"),
            (["b", "b"], [[0, 3], [0, 3]], "unique. Received more than once: 'b'"),
        ],
    )
    def test_bad_rows_are_refused(self, table, item_ids, codes, message):
        with pytest.raises(ValueError, match=message):
            table.extend(item_ids, codes)

    @pytest.mark.parametrize(
        ("changed", "told"),
        [
            ({"method": "vq"}, "method 'vq', the table has 'moc'"),
            (
                {"configuration": {"seed": 1, "hidden_units": (8, 4)}},
                r"Received: configuration\['seed'\] 1, the table has 0\. Encode",
            ),
            ({"configuration": {"seed": 0}}, r"\['hidden_units'\] None, the table has"),
            ({"fit": {"items": 4}}, r"fit\['items'\] 4, the table has 3"),
            ({"versions": {"numpy": "2.1"}}, r"\['numpy'\] '2.1', the table has '2.0'"),
            ({"indexer_sha256": "cd"}, "indexer_sha256 'cd', the table has 'ab12'"),
        ],
    )
    def test_codes_of_another_indexer_are_refused(self, table, changed, told):
        with pytest.raises(ValueError, match=r"another indexer than those.*" + told):
            table.extend(["x"], [[0, 0]], {**self.made_by, **changed})
        only_then = {k: v for k, v in self.made_by.items() if k not in changed}
        assert len(table.extend(["x"], [[0, 0]], only_then)) == 4

    def test_tuples_are_the_lists_that_json_makes_of_them(self, table):
        configuration = {"seed": 0, "hidden_units": (8, 4)}
        table.extend(["x"], [[0, 0]], {"configuration": configuration})

    def test_earlier_extensions_tell_the_indexer_too(self):
        table = CodeTable(["a"], [[0]], 2).extend(["b"], [[1]], {"method": "vq"})
        with pytest.raises(ValueError, match="method 'moc', the table has 'vq'"):
            table.extend(["c"], [[1]], {"method": "moc"})

    def test_what_is_no_indexer_may_differ(self, table):
        table.extend(["x"], [[0, 0]], {**self.made_by, "vectors_sha256": "1"}).extend(
            ["y"], [[0, 0]], {**self.made_by, "vectors_sha256": "2"}
        )

    def test_a_shuffled_table_cannot_be_extended(self, table):
        with pytest.raises(
            ValueError, match=r"shuffled_seeds \[3\]\. Extend the table"
        ):
            table.shuffled(3).extend(["x"], [[0, 0]])
        table.extend(["x"], [[0, 0]]).shuffled(3)
