import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moc_tf.data import DataFileError, read_items

ROWS = [
    {"item_id": "007", "name": 'A "café" set, new', "notes": "two\nlines"},
    {"item_id": "b", "name": "Comb", "notes": ""},
]


def write_jsonl(path, rows):
    path = path / "items.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def write_csv(path, text, encoding="utf-8"):
    path = path / "items.csv"
    path.write_bytes(text.encode(encoding))
    return path


def write_parquet(path, columns):
    path = path / "items.parquet"
    pq.write_table(pa.table(columns), path)
    return path


def columns_of(catalogue):
    columns = {name: values.tolist() for name, values in catalogue.attributes.items()}
    return {"item_id": catalogue.item_ids.tolist(), **columns}


EXPECTED = {
    "item_id": ["007", "b"],
    "notes": ["two\nlines", ""],
    "name": ['A "café" set, new', "Comb"],
}


class TestEachKindOfFile:
    def test_jsonl(self, tmp_path):
        rows = [{**ROWS[0], "price": 3}, {"item_id": "b", "name": "Comb"}]
        path = write_jsonl(tmp_path, rows)
        assert columns_of(read_items(path, ["notes", "name"])) == EXPECTED

    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
    def test_csv(self, tmp_path, encoding):
        text = 'item_id,name,notes\r\n007,"A ""café"" set, new","two\nlines"\nb,Comb,\n'
        path = write_csv(tmp_path, text, encoding)
        assert columns_of(read_items(path, ["notes", "name"])) == EXPECTED

    def test_parquet(self, tmp_path):
        columns = {key: [row[key] for row in ROWS] for key in ROWS[0]}
        columns["notes"][1] = None
        path = write_parquet(tmp_path, {**columns, "vector": [[1.0], [2.0]]})
        assert columns_of(read_items(path, ["notes", "name"])) == EXPECTED

    def test_integers_are_identifiers_too(self, tmp_path):
        lines = write_jsonl(tmp_path, [{"item_id": 7, "t": "x"}])
        table = write_parquet(tmp_path, {"item_id": [7], "t": ["x"]})
        for path in (lines, table):
            assert read_items(path, ["t"]).item_ids.tolist() == ["7"]

    def test_parquet_of_several_batches_keeps_order(self, tmp_path):
        ids = [f"i{n}" for n in range(200_000)]
        path = write_parquet(tmp_path, {"item_id": ids, "t": ids})
        catalogue = read_items(path, ["t"])
        assert catalogue.item_ids.tolist() == catalogue.attributes["t"].tolist() == ids

    @settings(deadline=None, max_examples=30)
    @given(
        st.dictionaries(
            st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(
                lambda s: "\0" not in s  # NumPy's strings end there
            ),
            st.text(st.characters(exclude_categories=["Cs"])),
            min_size=1,
        )
    )
    def test_any_text_survives_json(self, tmp_path_factory, items):
        rows = [{"item_id": i, "t": t} for i, t in items.items()]
        path = write_jsonl(tmp_path_factory.mktemp("items"), rows)
        catalogue = read_items(path, ["t"])
        assert catalogue.item_ids.tolist() == list(items)
        assert catalogue.attributes["t"].tolist() == list(items.values())


class TestErrors:
    @pytest.mark.parametrize(
        ("row", "message"),
        [
            ({"t": "x"}, "'item_id' is missing"),
            ({"item_id": "", "t": "x"}, "'item_id' must be an integer or a string"),
            ({"item_id": 1.5, "t": "x"}, r"'item_id' must be .*Received: 1\.5"),
            ({"item_id": None, "t": "x"}, "'item_id' must be .*Received: None"),
            ({"item_id": True, "t": "x"}, "'item_id' must be .*Received: True"),
            ({"item_id": "b", "t": ["x"]}, "'t' must be a string"),
        ],
    )
    def test_a_bad_line_is_named(self, tmp_path, row, message):
        path = write_jsonl(tmp_path, [{"item_id": "a", "t": "x"}, row])
        with pytest.raises(DataFileError, match=rf"items\.jsonl: line 2: .*{message}"):
            read_items(path, ["t"])

    def test_a_line_that_is_no_json_is_named(self, tmp_path):
        path = tmp_path / "items.jsonl"
        path.write_text('{"item_id": "a", "t": "x"}\n{"item_id": \n')
        with pytest.raises(DataFileError, match=r"line 2: .*not a JSON object"):
            read_items(path, ["t"])

    @pytest.mark.parametrize("row", ["b", "b,x,y"])
    def test_a_ragged_row_is_named(self, tmp_path, row):
        path = write_csv(tmp_path, f"item_id,t\na,x\n{row}\n")
        with pytest.raises(DataFileError, match=r"csv: line 3: .*the 2 names"):
            read_items(path, ["t"])

    def test_a_quotation_without_an_end_is_told(self, tmp_path):
        path = write_csv(tmp_path, 'item_id,t\na,"x\n')
        with pytest.raises(DataFileError, match=r"items\.csv: unexpected end of data"):
            read_items(path, ["t"])

    def test_a_row_of_parquet_is_named(self, tmp_path):
        path = write_parquet(tmp_path, {"item_id": ["a", None], "t": ["x", "y"]})
        with pytest.raises(
            DataFileError, match=r"parquet: row 1 \(from 0\): 'item_id'"
        ):
            read_items(path, ["t"])

    def test_a_file_of_another_kind_behind_the_name_is_told(self, tmp_path):
        path = tmp_path / "items.parquet"
        path.write_text("item_id,t\n")
        with pytest.raises(DataFileError, match=r"items\.parquet: "):
            read_items(path, ["t"])

    def test_a_field_that_no_item_has_is_told_for_each_kind(self, tmp_path):
        for path in (
            write_jsonl(tmp_path, [{"item_id": "a", "name": "x"}]),
            write_csv(tmp_path, "item_id,name\na,x\n"),
            write_parquet(tmp_path, {"item_id": ["a"], "name": ["x"]}),
        ):
            with pytest.raises(
                DataFileError, match=r"no item has 'nmae'.*'item_id', 'name'.*misspelt"
            ):
                read_items(path, ["nmae"])

    def test_a_column_twice_is_named(self, tmp_path):
        path = write_csv(tmp_path, "item_id,name,x,name,x\na,first,,second,\n")
        with pytest.raises(DataFileError, match=r"more than once: 'name'\. Rename"):
            read_items(path, ["name"])

    def test_an_item_twice_is_named(self, tmp_path):
        path = write_csv(tmp_path, "item_id,t\na,x\nb,y\na,z\n")
        with pytest.raises(DataFileError, match="Received more than once: 'a'"):
            read_items(path, ["t"])

    def test_no_items_are_told(self, tmp_path):
        for path in (write_jsonl(tmp_path, []), write_csv(tmp_path, "item_id,t\n")):
            with pytest.raises(DataFileError, match="there are no items"):
                read_items(path, ["t"])

    def test_other_kinds_and_absent_files_are_told(self, tmp_path):
        with pytest.raises(DataFileError, match=r"\.jsonl, \.csv, \.parquet. Received"):
            read_items(tmp_path / "items.txt", ["t"])
        with pytest.raises(DataFileError, match=r"There is no file .*items\.csv"):
            read_items(tmp_path / "items.csv", ["t"])
