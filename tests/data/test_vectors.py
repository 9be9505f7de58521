import hashlib
import json
import pickle
import zipfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moc_tf.data import vectors as vectors_module
from moc_tf.data.vectors import ItemVectors, load_item_vectors

IDS = np.array(["b", "ä", "c"])
VALUES = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], np.float16)


def write_npz(folder, item_ids=IDS, vectors=VALUES):
    path = folder / "v.npz"
    np.savez(path, item_id=item_ids, embedding=vectors)
    return path


def write_npy(folder, item_ids=IDS, vectors=VALUES):
    np.save(folder / "v.npy", vectors)
    text = "".join(f"{item_id}\n" for item_id in item_ids)
    (folder / "v.item_ids.txt").write_text(text, encoding="utf-8")
    return folder / "v.npy"


def write_parquet(folder, item_ids=IDS, vectors=VALUES, kind=None):
    kind = kind or pa.list_(pa.float16())
    rows = [None if row is None else list(row) for row in vectors]
    columns = {"item_id": list(item_ids), "embedding": pa.array(rows, kind)}
    pq.write_table(pa.table(columns), folder / "v.parquet")
    return folder / "v.parquet"


WRITERS = [write_npz, write_npy, write_parquet]


class TestItemVectors:
    @pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
    def test_vectors_are_kept_as_given(self, dtype):
        given_vectors = VALUES.astype(dtype)
        assert ItemVectors(IDS, given_vectors).vectors is given_vectors

    def test_ids_of_other_types_become_strings(self):
        assert ItemVectors([7, 8, 9], VALUES).item_ids.tolist() == ["7", "8", "9"]

    @pytest.mark.parametrize(
        ("item_ids", "vectors", "message"),
        [
            (IDS, VALUES[:, 0], r"rank 2, \[items, dims\]. Received: shape \(3,\)"),
            (IDS, VALUES[None], r"rank 2.*Received: shape \(1, 3, 2\)"),
            (IDS, VALUES.astype(int), "float64 .* Received: dtype int64"),
            (IDS, VALUES.astype(">f4"), "native byte order. Received: dtype >f4"),
            (IDS[:2], VALUES, "Received: 2 item ids and 3 vectors"),
            ([], np.zeros((0, 2)), r"at least one vector.*shape \(0, 2\)"),
            (IDS, np.zeros((3, 0)), r"one dimension. Received: shape \(3, 0\)"),
            (["a", "b", "a"], VALUES, "must be unique. Received more than once: 'a'"),
            ([["a", "b", "c"]], VALUES, "item ids of vectors must be one-dimensional"),
        ],
    )
    def test_bad_input_is_told(self, item_ids, vectors, message):
        with pytest.raises(ValueError, match=message):
            ItemVectors(item_ids, vectors)

    @pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
    @pytest.mark.parametrize("block_values", [1, 4, 100])
    def test_the_first_bad_value_is_named(self, monkeypatch, bad, block_values):
        monkeypatch.setattr(vectors_module, "_BLOCK_VALUES", block_values)
        vectors = VALUES.copy()
        vectors[1, 1] = vectors[2, 0] = bad
        message = rf"Received: {bad} in dimension 1 .* item 'ä' \(row 1\)"
        with pytest.raises(ValueError, match=message):
            ItemVectors(IDS, vectors)

    def test_aligned_to_follows_the_wanted_order(self):
        aligned = ItemVectors(IDS, VALUES).aligned_to(["c", "b", "c"])
        assert aligned.tolist() == [[5, 6], [1, 2], [5, 6]]
        assert aligned.dtype == np.float16

    @settings(deadline=None, max_examples=50)
    @given(st.permutations(range(20)), st.integers(0, 20))
    def test_aligned_to_any_part_in_any_order(self, order, size):
        ids = np.array([f"item {n}" for n in range(20)])
        vectors = np.arange(40.0).reshape(20, 2)
        wanted = order[:size]
        aligned = ItemVectors(ids, vectors).aligned_to(ids[wanted])
        np.testing.assert_array_equal(aligned, vectors[wanted])

    def test_items_without_a_vector_are_named(self):
        items = ["x", "b", *(f"y{n}" for n in range(6)), "x"]
        message = "7 of 8 items .*'x', 'y0', 'y1', 'y2', 'y3' and 2 more.*Embed"
        with pytest.raises(ValueError, match=message):
            ItemVectors(IDS, VALUES).aligned_to(items)

    def test_sha256_is_that_of_header_and_bytes(self):
        header = '[[3, 2], "<f2", ["b", "\\u00e4", "c"]]'
        expected = hashlib.sha256(header.encode() + VALUES.tobytes()).hexdigest()
        assert json.loads(header)[2] == IDS.tolist()
        assert ItemVectors(IDS, VALUES).sha256() == expected

    def test_sha256_does_not_depend_on_layout(self):
        expected = ItemVectors(IDS, VALUES).sha256()
        assert ItemVectors(IDS, np.asfortranarray(VALUES)).sha256() == expected
        assert ItemVectors(IDS.astype("U30"), VALUES).sha256() == expected

    def test_sha256_does_not_depend_on_blocks(self, monkeypatch):
        expected = ItemVectors(IDS, VALUES).sha256()
        monkeypatch.setattr(vectors_module, "_BLOCK_VALUES", 2)
        assert ItemVectors(IDS, VALUES).sha256() == expected

    @pytest.mark.parametrize(
        ("item_ids", "vectors"),
        [
            (IDS[::-1], VALUES),
            (IDS, VALUES[::-1]),
            (IDS, VALUES.astype(np.float32)),
            (["b", "ä", "d"], VALUES),
        ],
    )
    def test_sha256_tells_others_apart(self, item_ids, vectors):
        others = ItemVectors(item_ids, vectors)
        assert others.sha256() != ItemVectors(IDS, VALUES).sha256()


class TestLoadItemVectors:
    @pytest.mark.parametrize("write", WRITERS)
    def test_what_was_written_is_read(self, tmp_path, write):
        loaded = load_item_vectors(str(write(tmp_path)))
        assert loaded.item_ids.tolist() == IDS.tolist()
        assert loaded.vectors.dtype == np.float16
        np.testing.assert_array_equal(loaded.vectors, VALUES)

    @pytest.mark.parametrize("write", WRITERS)
    def test_all_formats_have_one_checksum(self, tmp_path, write):
        loaded = load_item_vectors(write(tmp_path))
        assert loaded.sha256() == ItemVectors(IDS, VALUES).sha256()

    @pytest.mark.parametrize("write", WRITERS)
    def test_invalid_content_names_the_file(self, tmp_path, write):
        path = write(tmp_path, item_ids=["a", "b", "a"])
        message = rf"item vectors of .*v{path.suffix} .* more than once: 'a'"
        with pytest.raises(ValueError, match=message):
            load_item_vectors(path)

    @pytest.mark.parametrize("write", WRITERS)
    def test_a_damaged_file_is_named(self, tmp_path, write):
        path = write(tmp_path)
        content = path.read_bytes()
        for damaged in (content[:-5], b"", b"nonsense" * 20):
            path.write_bytes(damaged)
            with pytest.raises(ValueError, match=rf"item vectors of .*v{path.suffix} "):
                load_item_vectors(path)

    def test_an_absent_file_is_named(self, tmp_path):
        with pytest.raises(ValueError, match=r"There is no file .*v\.npz"):
            load_item_vectors(tmp_path / "v.npz")

    def test_another_suffix_lists_the_known(self):
        message = r"one of \.npz, \.npy, \.parquet\. Received: 'v\.pkl'"
        with pytest.raises(ValueError, match=message):
            load_item_vectors("v.pkl")


class TestNpz:
    def test_compressed_and_bytes_ids(self, tmp_path):
        path = tmp_path / "v.npz"
        np.savez_compressed(
            path, item_id=np.char.encode(IDS, "utf-8"), embedding=VALUES
        )
        assert load_item_vectors(path).item_ids.tolist() == IDS.tolist()

    def test_ids_as_objects_are_refused_with_the_way_out(self, tmp_path):
        path = write_npz(tmp_path, item_ids=IDS.astype(object))
        message = r"'item_id' cannot be read.*np\.asarray\(item_ids, dtype=str\)"
        with pytest.raises(ValueError, match=message):
            load_item_vectors(path)

    @pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
    def test_damaged_values_are_told(self, tmp_path, save):
        rng = np.random.default_rng(0)
        vectors = rng.integers(0, 4, (3, 1000)).astype(np.float32)
        save(tmp_path / "v.npz", item_id=IDS, embedding=vectors)
        content = (tmp_path / "v.npz").read_bytes()
        with zipfile.ZipFile(tmp_path / "v.npz") as archive:
            end = archive.start_dir
        start = content.index(b"embedding.npy") + len("embedding.npy") + 20
        for place in (start, (start + end) // 2):
            # 0xFF is no possible start of a deflated block, and changes a checksum.
            damaged = content[:place] + b"\xff" * 9 + content[place + 9 :]
            (tmp_path / "v.npz").write_bytes(damaged)
            with pytest.raises(ValueError, match="'embedding' cannot be read"):
                load_item_vectors(tmp_path / "v.npz")

    def test_missing_arrays_are_told(self, tmp_path):
        np.savez(tmp_path / "v.npz", ids=IDS, embedding=VALUES)
        with pytest.raises(ValueError, match=r"include 'item_id'.*'ids', 'embedding'"):
            load_item_vectors(tmp_path / "v.npz")

    def test_a_single_array_is_told(self, tmp_path):
        write_npy(tmp_path).rename(tmp_path / "v.npz")
        with pytest.raises(ValueError, match=r"single array. Save it as \.npy"):
            load_item_vectors(tmp_path / "v.npz")

    def test_a_pickle_is_not_unpickled(self, tmp_path):
        victim = tmp_path / "made_by_the_pickle"
        (tmp_path / "v.npz").write_bytes(pickle.dumps(Trap(victim)))
        with pytest.raises(ValueError, match="never unpickled"):
            load_item_vectors(tmp_path / "v.npz")
        assert not victim.exists()


class Trap:
    """Makes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


class TestNpy:
    def test_vectors_stay_on_disk(self, tmp_path):
        loaded = load_item_vectors(write_npy(tmp_path))
        assert isinstance(loaded.vectors, np.memmap)
        aligned = loaded.aligned_to(["ä"])
        assert not isinstance(aligned, np.memmap)
        assert aligned.tolist() == [[3, 4]]

    def test_ids_written_on_windows(self, tmp_path):
        path = write_npy(tmp_path)
        (tmp_path / "v.item_ids.txt").write_bytes("\ufeffb\r\nä\r\nc".encode())
        assert load_item_vectors(path).item_ids.tolist() == IDS.tolist()

    def test_ids_may_hold_other_separators(self, tmp_path):
        path = write_npy(tmp_path, item_ids=["a b", "a\u2028b", "a\x0bb"])
        assert load_item_vectors(path).item_ids.tolist() == [
            "a b",
            "a\u2028b",
            "a\x0bb",
        ]

    def test_absent_ids_are_named(self, tmp_path):
        path = write_npy(tmp_path)
        (tmp_path / "v.item_ids.txt").unlink()
        with pytest.raises(ValueError, match=r"There is no file .*v\.item_ids\.txt"):
            load_item_vectors(path)

    def test_an_empty_line_is_named(self, tmp_path):
        path = write_npy(tmp_path, item_ids=["a", "", "b"])
        with pytest.raises(ValueError, match=r"v\.item_ids\.txt, line 2, is empty"):
            load_item_vectors(path)

    def test_one_id_too_many_is_told(self, tmp_path):
        path = write_npy(tmp_path, item_ids=["a", "b", "c", "d"])
        with pytest.raises(ValueError, match="4 item ids and 3 vectors"):
            load_item_vectors(path)

    def test_an_archive_is_told(self, tmp_path):
        write_npy(tmp_path)
        write_npz(tmp_path).rename(tmp_path / "v.npy")
        with pytest.raises(ValueError, match=r"archive of arrays. Save it as \.npz"):
            load_item_vectors(tmp_path / "v.npy")


class TestParquet:
    @pytest.mark.parametrize(
        ("kind", "dtype"),
        [
            (pa.list_(pa.float32()), np.float32),
            (pa.large_list(pa.float64()), np.float64),
            (pa.list_(pa.float16(), 2), np.float16),
        ],
    )
    def test_every_kind_of_list(self, tmp_path, kind, dtype):
        loaded = load_item_vectors(write_parquet(tmp_path, kind=kind))
        assert loaded.vectors.dtype == dtype
        np.testing.assert_array_equal(loaded.vectors, VALUES)

    def test_row_groups_are_joined_in_order(self, tmp_path):
        path = write_parquet(tmp_path)
        pq.write_table(pq.read_table(path), path, row_group_size=1)
        np.testing.assert_array_equal(load_item_vectors(path).vectors, VALUES)

    def test_integer_ids_and_further_columns(self, tmp_path):
        columns = {"note": ["x", "y"], "item_id": [7, 8], "embedding": [[1.0], [2.0]]}
        pq.write_table(pa.table(columns), tmp_path / "v.parquet")
        assert load_item_vectors(tmp_path / "v.parquet").item_ids.tolist() == ["7", "8"]

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (
                {"vectors": [[1], [2], [3, 4]]},
                r"1 values in row 0 and 2 in row 2 \(.*'c'",
            ),
            ({"vectors": [[1], None, [3]]}, "'embedding' has no value in row 1"),
            ({"vectors": [[1, 2], [3, None], [5, 6]]}, r"a null in row 1 \(item 'ä'\)"),
            ({"item_ids": ["a", "b", None]}, "'item_id' has no value in row 2"),
            ({"item_ids": [], "vectors": []}, "at least one vector"),
            ({"vectors": [[], [], []]}, "at least one vector of one dimension"),
            ({"kind": pa.list_(pa.int32())}, "Received: dtype int32"),
        ],
    )
    def test_bad_columns_are_told(self, tmp_path, change, message):
        with pytest.raises(ValueError, match=message):
            load_item_vectors(write_parquet(tmp_path, **change))

    def test_a_column_that_is_no_list_is_told(self, tmp_path):
        columns = {"item_id": ["a"], "embedding": [1.0]}
        pq.write_table(pa.table(columns), tmp_path / "v.parquet")
        with pytest.raises(ValueError, match=r"lists of floats. Received: double"):
            load_item_vectors(tmp_path / "v.parquet")

    def test_missing_columns_are_told(self, tmp_path):
        pq.write_table(pa.table({"item_id": ["a"]}), tmp_path / "v.parquet")
        with pytest.raises(
            ValueError, match=r"columns must include.*Received: 'item_id'"
        ):
            load_item_vectors(tmp_path / "v.parquet")
