import datetime
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moc_tf.data import DataFileError, read_interactions

COLUMNS = {
    "user_id": ["u1", "007", "u1"],
    "item_id": ["b", "a", "a"],
    "timestamp": [1_400_000_003, 1_400_000_001, 1_400_000_002],
    "rating": [4.5, 1.0, 3.0],
    "click": [1, 0, 1],
}
WITHOUT_LABELS = {name: COLUMNS[name] for name in ("user_id", "item_id", "timestamp")}


def write(folder, kind, columns):
    """One table as a file of any kind."""
    path = folder / f"log.{kind}"
    if kind == "parquet":
        pq.write_table(pa.table(columns), path)
        return path
    rows = [
        dict(zip(columns, row, strict=True))
        for row in zip(*columns.values(), strict=True)
    ]
    if kind == "jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
        return path
    lines = [",".join(columns)]
    lines += [",".join(map(str, row.values())) for row in rows]
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def columns_of(log):
    return {
        "user_id": log.user_ids.tolist(),
        "item_id": log.item_ids.tolist(),
        "timestamp": log.timestamps.tolist(),
        "rating": None if log.ratings is None else log.ratings.tolist(),
        "click": None if log.clicks is None else log.clicks.tolist(),
    }


each_kind = pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])


class TestEachKindOfFile:
    @each_kind
    def test_columns_come_in_the_order_of_the_file(self, tmp_path, kind):
        columns = {"page": ["x", "y", "z"], **COLUMNS}
        log = read_interactions(write(tmp_path, kind, columns))
        assert columns_of(log) == {**COLUMNS, "click": [True, False, True]}

    @each_kind
    def test_labels_are_not_needed(self, tmp_path, kind):
        log = read_interactions(write(tmp_path, kind, WITHOUT_LABELS))
        assert log.ratings is None
        assert log.clicks is None
        assert len(log) == 3

    @pytest.mark.parametrize("kind", ["jsonl", "parquet"])
    def test_integers_are_identifiers_too(self, tmp_path, kind):
        columns = {**COLUMNS, "user_id": [7, 12, 7], "item_id": [-1, 0, 2**62]}
        log = read_interactions(write(tmp_path, kind, columns))
        assert log.user_ids.tolist() == ["7", "12", "7"]
        assert log.item_ids.tolist() == ["-1", "0", str(2**62)]

    def test_digits_in_a_csv_stay_text(self, tmp_path):
        columns = {**COLUMNS, "user_id": ["007", "7", "0"]}
        log = read_interactions(write(tmp_path, "csv", columns))
        assert log.user_ids.tolist() == ["007", "7", "0"]

    def test_a_mark_of_a_spreadsheet_is_no_part_of_a_name(self, tmp_path):
        path = write(tmp_path, "csv", COLUMNS)
        path.write_text(path.read_text("utf-8"), "utf-8-sig")
        assert columns_of(read_interactions(path))["user_id"] == COLUMNS["user_id"]

    def test_dictionaries_of_parquet_are_their_values(self, tmp_path):
        users = pa.array(COLUMNS["user_id"]).dictionary_encode()
        log = read_interactions(
            write(tmp_path, "parquet", {**COLUMNS, "user_id": users})
        )
        assert log.user_ids.tolist() == COLUMNS["user_id"]

    def test_clicks_may_be_true_and_false(self, tmp_path):
        columns = {**COLUMNS, "click": [True, False, False]}
        for kind in ("jsonl", "parquet"):
            log = read_interactions(write(tmp_path, kind, columns))
            assert log.clicks.tolist() == [True, False, False]

    @settings(deadline=None, max_examples=20)
    @given(
        st.lists(
            st.tuples(
                st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(
                    lambda s: "\0" not in s  # refused, for NumPy's strings end there
                ),
                st.integers(-(2**63), 2**63 - 1),
                st.booleans(),
            ),
            min_size=1,
        )
    )
    def test_any_log_survives_parquet(self, tmp_path_factory, rows):
        users, times, clicks = map(list, zip(*rows, strict=True))
        columns = {
            "user_id": users,
            "item_id": users[::-1],
            "timestamp": pa.array(times, pa.int64()),
            "click": clicks,
        }
        path = write(tmp_path_factory.mktemp("log"), "parquet", columns)
        log = read_interactions(path)
        assert columns_of(log) == {
            "user_id": users,
            "item_id": users[::-1],
            "timestamp": times,
            "rating": None,
            "click": clicks,
        }


class TestPointsOfTime:
    SECONDS = 1_400_000_000  # 2014-05-13 16:53:20 UTC

    def test_they_are_utc_without_a_zone(self, tmp_path):
        naive = datetime.datetime(2014, 5, 13, 16, 53, 20)
        east = datetime.timezone(datetime.timedelta(hours=2))
        for times in (
            pa.array([naive] * 3, pa.timestamp("ns")),
            pa.array([naive] * 3, pa.timestamp("s")),
            pa.array([naive.replace(hour=18, tzinfo=east)] * 3),
            pa.array([self.SECONDS * 1000 + 999] * 3, pa.timestamp("ms")),
        ):
            log = read_interactions(
                write(tmp_path, "parquet", {**COLUMNS, "timestamp": times})
            )
            assert log.timestamps.tolist() == [self.SECONDS] * 3

    @pytest.mark.parametrize("kind", ["csv", "jsonl"])
    def test_text_as_in_iso_8601_is_read(self, tmp_path, kind):
        columns = {**COLUMNS, "timestamp": ["2014-05-13 16:53:20"] * 3}
        log = read_interactions(write(tmp_path, kind, columns))
        assert log.timestamps.tolist() == [self.SECONDS] * 3

    def test_a_date_is_its_first_second(self, tmp_path):
        columns = {**COLUMNS, "timestamp": [datetime.date(1970, 1, 3)] * 3}
        log = read_interactions(write(tmp_path, "parquet", columns))
        assert log.timestamps.tolist() == [2 * 24 * 3600] * 3


class TestErrors:
    def test_a_missing_file_and_one_of_another_kind_are_told(self, tmp_path):
        with pytest.raises(DataFileError, match=r"There is no file .*log\.csv"):
            read_interactions(tmp_path / "log.csv")
        with pytest.raises(DataFileError, match=r"\.jsonl, \.csv, \.parquet.*log\.txt"):
            read_interactions(tmp_path / "log.txt")

    @each_kind
    @pytest.mark.parametrize("name", ["user_id", "item_id", "timestamp"])
    def test_a_missing_column_is_named_beside_those_there(self, tmp_path, kind, name):
        columns = {("when" if k == name else k): v for k, v in COLUMNS.items()}
        path = write(tmp_path, kind, columns)
        with pytest.raises(
            DataFileError, match=rf"log\.{kind}: there is no column '{name}'.*'when'"
        ):
            read_interactions(path)

    @each_kind
    @pytest.mark.parametrize("name", ["timestamp", "rating", "click"])
    def test_a_row_without_a_value_is_named(self, tmp_path, kind, name):
        missing = "" if kind == "csv" else None
        columns = {**COLUMNS, name: [COLUMNS[name][0], missing, COLUMNS[name][2]]}
        path = write(tmp_path, kind, columns)
        with pytest.raises(
            DataFileError, match=rf"log\.{kind}: '{name}' has no value in row 1 "
        ):
            read_interactions(path)

    @each_kind
    def test_an_empty_identifier_is_named(self, tmp_path, kind):
        path = write(tmp_path, kind, {**COLUMNS, "user_id": ["u", "v", ""]})
        with pytest.raises(DataFileError, match=r"'user_id' is empty in row 2 "):
            read_interactions(path)

    @each_kind
    def test_clicks_other_than_0_and_1_are_named(self, tmp_path, kind):
        path = write(tmp_path, kind, {**COLUMNS, "click": [0, 1, 2]})
        with pytest.raises(
            DataFileError, match=r"clicks must be 0 or 1\. Received: .*2.* in row 2"
        ):
            read_interactions(path)

    @pytest.mark.parametrize(
        ("name", "values", "message"),
        [
            (
                "user_id",
                [0.5, 1.5, 2.5],
                r"'user_id' must be strings or integers.*doub",
            ),
            (
                "timestamp",
                [1.5, 2.5, 3.5],
                r"'timestamp' must be whole sec.*double.*1\.5",
            ),
            (
                "timestamp",
                ["x", "y", "z"],
                r"'timestamp' must be whole sec.*string.*'x'",
            ),
            ("rating", ["x", "y", "z"], r"'rating' must be numbers.*string.*'x'"),
            ("rating", [1.0, float("nan"), 2.0], r"ratings must be finite.*in row 1"),
            ("click", ["no", "yes", "no"], r"'click' must be numbers.*string.*'no'"),
        ],
    )
    def test_another_type_is_named(self, tmp_path, name, values, message):
        path = write(tmp_path, "parquet", {**COLUMNS, name: values})
        with pytest.raises(DataFileError, match=rf"log\.parquet: {message}"):
            read_interactions(path)

    def test_columns_of_one_name_are_refused(self, tmp_path):
        path = tmp_path / "log.csv"
        path.write_text("user_id,item_id,timestamp,click,click\nu,a,1,0,1\n")
        with pytest.raises(DataFileError, match=r"different names.*'click'"):
            read_interactions(path)

    @each_kind
    def test_no_rows_are_refused(self, tmp_path, kind):
        path = write(tmp_path, kind, {name: [] for name in COLUMNS})
        with pytest.raises(DataFileError, match=r"there are no interactions"):
            read_interactions(path)

    @pytest.mark.parametrize(
        ("kind", "text"),
        [
            ("csv", "user_id,item_id,timestamp\nu,a,1\nv,b\n"),
            ("csv", ""),
            ("jsonl", '{"user_id": "u", "item_id": "a", "timestamp": 1}\n{"user_id":'),
            ("jsonl", '{"user_id": "u", "item_id": "a", "timestamp": 1}\n[3]\n'),
            ("parquet", "user_id,item_id,timestamp\nu,a,1\n"),
        ],
        ids=["ragged", "empty", "cut off", "no object", "another kind"],
    )
    def test_a_malformed_file_is_named(self, tmp_path, kind, text):
        path = tmp_path / f"log.{kind}"
        path.write_text(text)
        with pytest.raises(DataFileError, match=rf"log\.{kind}: "):
            read_interactions(path)

    def test_an_identifier_with_a_nul_is_refused(self, tmp_path):
        path = write(tmp_path, "parquet", {**COLUMNS, "item_id": ["a", "b\0", "c"]})
        with pytest.raises(DataFileError, match=r"no NUL"):
            read_interactions(path)


def test_a_column_of_many_chunks_keeps_its_order(tmp_path):
    path = tmp_path / "log.parquet"
    rows = np.arange(10_000)
    table = pa.table(
        {"user_id": rows.astype(str), "item_id": rows % 7, "timestamp": rows}
    )
    pq.write_table(table, path, row_group_size=900)
    log = read_interactions(path)
    np.testing.assert_array_equal(log.user_ids, rows.astype(str))
    np.testing.assert_array_equal(log.item_ids, (rows % 7).astype(str))
    np.testing.assert_array_equal(log.timestamps, rows)
