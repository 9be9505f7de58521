import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from moc_tf.data import Catalogue, TextTemplate, embed_items, load_item_vectors
from tests.data.hash_encoder import HashEncoder, vector_of

ROOT = Path(__file__).parents[2]
TEMPLATE = TextTemplate("{title}|by {brand}", " ")


def make_catalogue(count=24):
    titles = ["word" * (n % 7) + str(n) for n in range(count)]
    return Catalogue(
        np.array([f"item-{n}" for n in range(count)]),
        {"title": np.array(titles), "brand": np.array(["", "Acme"] * (count // 2))},
    )


def texts_of(catalogue):
    columns = (catalogue.attributes[name].tolist() for name in ("title", "brand"))
    return [f"{t} by {b}" if b else t for t, b in zip(*columns, strict=True)]


def embed(path, encoder=None, **settings):
    settings = {
        "catalogue": make_catalogue(),
        "encoder": encoder or HashEncoder(),
        "encoder_info": {"name": "hash"},
        "template": TEMPLATE,
        "batch_size": 4,
        "save_every": 0.0,
        **settings,
    }
    return embed_items(path=path, **settings)


class Interrupted(HashEncoder):
    """Fails at the batch after `batches`."""

    def __init__(self, batches):
        super().__init__()
        self._left = batches

    def encode(self, texts):
        if not self._left:
            raise RuntimeError("out of memory")
        self._left -= 1
        return super().encode(texts)


def interrupt(path, batches, **settings):
    with pytest.raises(RuntimeError, match="out of memory"):
        embed(path, Interrupted(batches), **settings)


def chunk_files(path, pattern):
    return sorted(Path(f"{path}.chunks").glob(f"*/*/{pattern}"))


class TestWholeRun:
    @pytest.mark.parametrize("suffix", [".npz", ".npy"])
    def test_the_file_has_each_items_vector_in_the_catalogues_order(
        self, tmp_path, suffix
    ):
        path = tmp_path / f"made/items{suffix}"
        returned = embed(path, normalize=False, dtype="float32")
        read = load_item_vectors(path)
        expected = [vector_of(text) for text in texts_of(make_catalogue())]
        for vectors in (returned, read):
            assert vectors.item_ids.tolist() == make_catalogue().item_ids.tolist()
            assert vectors.vectors.dtype == np.float32
            np.testing.assert_array_equal(vectors.vectors, expected)
        assert isinstance(read.vectors, np.memmap) == (suffix == ".npy")

    def test_the_manifest_says_what_made_the_vectors(self, tmp_path):
        vectors = embed(tmp_path / "items.npz", encoder_info={"name": "hash", "v": 2})
        manifest = json.loads((tmp_path / "items.npz.manifest.json").read_text())
        assert manifest["encoder"] == {"name": "hash", "v": 2}
        assert manifest["template"] == "{title}|by {brand}"
        assert manifest["separator"] == " "
        assert manifest["normalize"] is True
        assert manifest["dtype"] == "float16"
        assert (manifest["items"], manifest["dims"]) == (24, 4)
        assert manifest["vectors_sha256"] == vectors.sha256()
        assert len(manifest["texts_sha256"]) == 64
        assert manifest["package_versions"]["numpy"] == np.__version__
        assert "moc_tf" in manifest["package_versions"]

    def test_a_module_that_is_not_installed_has_no_version(self, tmp_path, monkeypatch):
        monkeypatch.setitem(sys.modules, "llm2vec", object())
        embed(tmp_path / "items.npz")
        manifest = json.loads((tmp_path / "items.npz.manifest.json").read_text())
        assert "llm2vec" not in manifest["package_versions"]

    def test_nothing_else_is_left(self, tmp_path):
        embed(tmp_path / "a.npz")
        embed(tmp_path / "b.npy")
        assert sorted(os.listdir(tmp_path)) == [
            "a.npz",
            "a.npz.manifest.json",
            "b.item_ids.txt",
            "b.npy",
            "b.npy.manifest.json",
        ]

    def test_the_default_template_is_that_of_the_public_catalogues(self, tmp_path):
        attributes = {"title": ["Soap"], "brand": [""], "category": ["Bath"]}
        attributes["description"] = [""]
        catalogue = Catalogue(np.array(["a"]), attributes_as_arrays(attributes))
        encoder = HashEncoder()
        embed(tmp_path / "a.npz", encoder, catalogue=catalogue, template=None)
        assert encoder.batches == [["Soap\nCategory: Bath"]]


def attributes_as_arrays(attributes):
    return {name: np.array(values) for name, values in attributes.items()}


class TestResumption:
    def test_what_was_embedded_is_not_embedded_again(self, tmp_path):
        whole, resumed = HashEncoder(), HashEncoder()
        expected = embed(tmp_path / "whole.npz", whole)
        path = tmp_path / "items.npz"
        interrupt(path, batches=3)
        vectors = embed(path, resumed)
        assert resumed.batches == whole.batches[3:]
        np.testing.assert_array_equal(vectors.vectors, expected.vectors)
        assert path.read_bytes() == (tmp_path / "whole.npz").read_bytes()

    def test_an_error_costs_no_finished_batch(self, tmp_path):
        path = tmp_path / "items.npz"
        interrupt(path, batches=3, save_every=1e9)
        assert len(chunk_files(path, "manifest.json")) == 1
        resumed = HashEncoder()
        embed(path, resumed)
        assert len(resumed.batches) == 6 - 3

    def test_vectors_are_kept_every_so_many_seconds(self, tmp_path, monkeypatch):
        class Slow(Interrupted):
            def encode(self, texts):
                now[0] += 10
                return super().encode(texts)

        now = [0]
        monkeypatch.setattr("time.monotonic", lambda: now[0])
        path = tmp_path / "items.npz"
        with pytest.raises(RuntimeError):
            embed(path, Slow(5), save_every=25)
        rows = [len(np.load(file)) for file in chunk_files(path, "rows-*.npy")]
        assert rows == [12, 8]  # of three batches, and the two before the error

    def test_the_batch_size_may_change(self, tmp_path):
        path = tmp_path / "items.npz"
        interrupt(path, batches=3)
        resumed = HashEncoder()
        embed(path, resumed, batch_size=2)
        assert len(resumed.batches) == (24 - 3 * 4) / 2
        assert load_item_vectors(path).sha256() == (
            embed(tmp_path / "whole.npz").sha256()
        )

    def test_progress_counts_what_was_done_before(self, tmp_path):
        path, seen = tmp_path / "items.npz", []
        interrupt(path, batches=3)
        embed(path, report=seen.append)
        assert [p.done for p in seen] == list(range(16, 25, 4))

    @pytest.mark.parametrize(
        "changed",
        [
            {"encoder_info": {"name": "hash", "revision": 2}},
            {"template": TextTemplate("{title}|of {brand}", " ")},
            {"template": TextTemplate("{title}|by {brand}", ", ")},
            {"normalize": False},
            {"dtype": "float32"},
            {"catalogue": make_catalogue(26)},
        ],
    )
    def test_changed_settings_start_anew(self, tmp_path, changed):
        path = tmp_path / "items.npz"
        interrupt(path, batches=3)
        anew, old = HashEncoder(), HashEncoder()
        embed(path, anew, **changed)
        assert sum(map(len, anew.batches)) == len(load_item_vectors(path))
        # And once more, over the finished file.
        embed(path, old)
        assert sum(map(len, old.batches)) == 24
        assert load_item_vectors(path).sha256() == (
            embed(tmp_path / "whole.npz").sha256()
        )

    def test_settings_that_change_and_change_back_lose_nothing(self, tmp_path):
        path = tmp_path / "items.npz"
        interrupt(path, batches=3)
        interrupt(path, batches=1, normalize=False)
        resumed = HashEncoder()
        embed(path, resumed)
        assert len(resumed.batches) == 6 - 3

    def test_a_damaged_part_is_embedded_again_with_a_warning(self, tmp_path):
        path = tmp_path / "items.npz"
        interrupt(path, batches=3)
        damaged = chunk_files(path, "vectors-*.npy")[1]
        damaged.write_bytes(damaged.read_bytes()[:-1] + b"x")
        resumed = HashEncoder()
        with pytest.warns(UserWarning, match=r"altered or truncated.*embedded\s+again"):
            embed(path, resumed)
        assert len(resumed.batches) == 6 - 2
        assert load_item_vectors(path).sha256() == (
            embed(tmp_path / "whole.npz").sha256()
        )

    @pytest.mark.filterwarnings("error")
    def test_a_part_that_was_being_written_is_embedded_again(self, tmp_path):
        path = tmp_path / "items.npz"
        interrupt(path, batches=3)
        chunk_files(path, "manifest.json")[2].unlink()
        resumed = HashEncoder()
        embed(path, resumed)
        assert len(resumed.batches) == 6 - 2

    def test_dimensions_that_differ_from_what_was_kept_are_told(self, tmp_path):
        class Wide(HashEncoder):
            def encode(self, texts):
                return np.ones((len(texts), 5))

        path = tmp_path / "items.npz"
        interrupt(path, batches=3)
        with pytest.raises(ValueError, match=r"floats \[4, 4\].*shape \(4, 5\)"):
            embed(path, Wide())

    def test_a_finished_file_is_read_and_nothing_embedded(self, tmp_path):
        path = tmp_path / "items.npz"
        first = embed(path)
        before = path.stat().st_mtime_ns
        assert embed(path, Interrupted(0)).sha256() == first.sha256()
        assert path.stat().st_mtime_ns == before

    def test_a_kill_after_the_manifest_leaves_nothing_for_good(
        self, tmp_path, monkeypatch
    ):
        path = tmp_path / "items.npz"

        def killed(folder, **options):
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(shutil, "rmtree", killed)
            with pytest.raises(KeyboardInterrupt):
                embed(path)
        interrupt(path, 2, normalize=False)
        embed(path, Interrupted(0))
        (rest,) = (tmp_path / "items.npz.chunks").iterdir()  # what was interrupted
        embed(path, normalize=False)
        assert not rest.parent.exists()
        with monkeypatch.context() as patch:
            patch.setattr(shutil, "rmtree", killed)
            with pytest.raises(KeyboardInterrupt):
                embed(path)
        embed(path)
        assert not rest.parent.exists()

    @pytest.mark.parametrize("suffix", [".npz", ".npy"])
    @pytest.mark.parametrize("before", [False, True])
    def test_a_kill_before_the_manifest_costs_nothing(
        self, tmp_path, monkeypatch, suffix, before
    ):
        path = tmp_path / f"items{suffix}"
        if before:  # over a finished file of other settings
            embed(path, normalize=False)
        replace = os.replace

        def killed(source, target):
            if str(target).endswith("items" + suffix + ".manifest.json"):
                raise KeyboardInterrupt
            replace(source, target)

        with monkeypatch.context() as patch:
            patch.setattr("os.replace", killed)
            with pytest.raises(KeyboardInterrupt):
                embed(path)
        assert path.exists()
        assert not Path(f"{path}.manifest.json").exists()
        vectors = embed(path, Interrupted(0))
        assert vectors.sha256() == embed(tmp_path / "whole.npz").sha256()
        assert Path(f"{path}.manifest.json").exists()

    def test_after_kill_9_the_rest_gives_the_same_file(self, tmp_path):
        path, script = tmp_path / "items.npz", tmp_path / "slowly.py"
        script.write_text(
            "import sys, time\n"
            "from tests.data.hash_encoder import HashEncoder\n"
            "from tests.data.test_item_embedding import embed\n"
            "class Slow(HashEncoder):\n"
            "    def encode(self, texts):\n"
            "        time.sleep(0.2)\n"
            "        return super().encode(texts)\n"
            "embed(sys.argv[1], Slow())\n"
        )
        process = subprocess.Popen(
            [sys.executable, script, path],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        deadline = time.monotonic() + 120
        while len(chunk_files(path, "manifest.json")) < 2:
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
        assert not path.exists()
        resumed = HashEncoder()
        embed(path, resumed)
        assert 0 < len(resumed.batches) <= 6 - 2
        embed(tmp_path / "whole.npz")
        assert path.read_bytes() == (tmp_path / "whole.npz").read_bytes()


class TestErrors:
    def test_an_altered_file_is_not_taken_for_the_finished_one(self, tmp_path):
        path = tmp_path / "items.npy"
        embed(path)
        vectors = np.load(path)
        vectors[3, 1] += 1
        np.save(path, vectors)
        with pytest.raises(
            ValueError, match=r"altered since they were written.*Remove"
        ):
            embed(path)

    @pytest.mark.parametrize(
        "name", ["items.npz", "items.npz.manifest.json", "items.item_ids.txt"]
    )
    def test_a_file_of_another_origin_is_not_overwritten(self, tmp_path, name):
        (tmp_path / name).write_text("{}")
        path = tmp_path / ("items.npy" if name.endswith("txt") else "items.npz")
        encoder = HashEncoder()
        with pytest.raises(ValueError, match=rf"{name} is in the way.*Choose another"):
            embed(path, encoder)
        assert (tmp_path / name).read_text() == "{}"
        assert encoder.batches == []

    def test_a_lost_file_is_made_again(self, tmp_path):
        path = tmp_path / "items.npz"
        first = embed(path).sha256()
        path.unlink()
        assert embed(path).sha256() == first

    def test_other_suffixes_are_told_before_any_work(self, tmp_path):
        encoder = HashEncoder()
        with pytest.raises(ValueError, match=r"\.npz, \.npy. Received: .*items\.csv"):
            embed(tmp_path / "items.csv", encoder)
        assert encoder.batches == []

    @pytest.mark.parametrize(
        ("ids", "message"),
        [
            (["a", "b", "a"], "Received more than once: 'a'"),
            (["a", "b\nc", "d"], r"line break. Received: 'b\\nc'. Write to .npz"),
            (["a", "", "d"], r"empty. Received: '' in row 1.*write to .npz"),
        ],
    )
    def test_ids_that_cannot_be_written_are_told_before_any_work(
        self, tmp_path, ids, message
    ):
        columns = attributes_as_arrays({"title": ["x"] * 3, "brand": ["y"] * 3})
        encoder = HashEncoder()
        with pytest.raises(ValueError, match=message):
            embed(tmp_path / "a.npy", encoder, catalogue=Catalogue(ids, columns))
        assert encoder.batches == []

    def test_what_json_cannot_keep_cannot_tell_encoders_apart(self, tmp_path):
        with pytest.raises(ValueError, match=r"encoder_info\['model'\] must be"):
            embed(tmp_path / "a.npz", encoder_info={"model": HashEncoder()})
