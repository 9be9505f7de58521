import gzip
import json
import pickle
import shutil
import tempfile
from pathlib import Path

import numpy as np
import pytest
import tensorflow_datasets as tfds

from moc_tf.data import amazon
from moc_tf.data.amazon import Amazon2014
from moc_tf.data.amazon_files import ATTRIBUTES, DataFileError, load_amazon

NUM_REVIEWS = 60
NAMES = {
    "beauty": ("reviews_Beauty_5.json.gz", "meta_Beauty.json.gz"),
    "sports_and_outdoors": (
        "reviews_Sports_and_Outdoors_5.json.gz",
        "meta_Sports_and_Outdoors.json.gz",
    ),
    "toys_and_games": (
        "reviews_Toys_and_Games_5.json.gz",
        "meta_Toys_and_Games.json.gz",
    ),
}


def write_release(folder):
    """Made-up files of all categories; those of sports have no ratings."""
    rng = np.random.default_rng(0)
    for config, names in NAMES.items():
        items = [f"B{n:02}" for n in rng.permutation(12).tolist()]
        reviews = [
            {
                "reviewerID": f"A{rng.integers(15)}",
                "asin": items[rng.integers(10)],
                "unixReviewTime": int(rng.integers(10**9, 2 * 10**9)),
                "overall": float(rng.integers(1, 6)),
                "reviewText": "Made up.",
            }
            for _ in range(NUM_REVIEWS)
        ]
        if config == "sports_and_outdoors":
            for record in reviews:
                del record["overall"]
        metadata = [
            {
                "asin": item,
                "title": f"Crème n°{item}",
                "categories": [[config, "Ünder"], ["Other"]],
                "price": 1.5,
            }
            | ({"brand": f"Brand of {item}"} if row % 2 else {})
            | ({"description": "It's long. " * row} if row % 3 else {})
            for row, item in enumerate(items)
        ]
        for name, records, write in zip(
            names, (reviews, metadata), (json.dumps, repr), strict=True
        ):
            lines = "".join(write(record) + "\n" for record in records)
            (folder / name).write_bytes(gzip.compress(lines.encode()))


@pytest.fixture(scope="module")
def release(tmp_path_factory):
    folder = tmp_path_factory.mktemp("release")
    write_release(folder)
    return folder


@pytest.fixture
def network(monkeypatch, release):
    """Serves the release's addresses from the made-up folder; lists those asked for."""
    asked = []

    def download(_, urls):
        asked.extend(urls)
        return [release / Path(url).name for url in urls]

    monkeypatch.setattr(tfds.download.DownloadManager, "download", download)
    return asked


class Amazon2014Test(tfds.testing.DatasetBuilderTestCase):
    """TFDS's own test of a builder, for every config, from made-up downloads."""

    DATASET_CLASS = Amazon2014
    SPLITS = {"train": NUM_REVIEWS}  # noqa: RUF012
    DL_DOWNLOAD_RESULT = NAMES["beauty"]
    SKIP_CHECKSUMS = True  # none are registered

    @classmethod
    def setUpClass(cls):
        cls.EXAMPLE_DIR = tempfile.mkdtemp()
        cls.addClassCleanup(shutil.rmtree, cls.EXAMPLE_DIR)
        write_release(Path(cls.EXAMPLE_DIR))
        super().setUpClass()


@pytest.fixture(scope="module")
def prepared(release, tmp_path_factory):
    builder = Amazon2014(
        config="beauty",
        release_dir=release,
        data_dir=tmp_path_factory.mktemp("tfds"),
    )
    builder.download_and_prepare()
    return builder


def assert_same(ours, theirs):
    (log, catalogue), (other_log, other_catalogue) = ours, theirs
    for name in ("user_ids", "item_ids", "timestamps", "ratings"):
        column, other = getattr(log, name), getattr(other_log, name)
        np.testing.assert_array_equal(column, other, strict=True)
    np.testing.assert_array_equal(catalogue.item_ids, other_catalogue.item_ids)
    assert set(catalogue.attributes) == set(other_catalogue.attributes)
    for name, column in catalogue.attributes.items():
        assert column.tolist() == other_catalogue.attributes[name].tolist()
        assert column.dtype == other_catalogue.attributes[name].dtype


@pytest.mark.parametrize("config", NAMES)
@pytest.mark.parametrize("batch_size", [7, 1000])
def test_both_ways_of_loading_give_the_same(
    config, batch_size, release, network, tmp_path, monkeypatch
):
    monkeypatch.setattr(amazon, "_BATCH_SIZE", batch_size)
    downloaded = load_amazon(config, data_dir=tmp_path)
    read = load_amazon(config, release)
    assert (read[0].ratings is None) == (config == "sports_and_outdoors")
    if read[0].ratings is None:
        assert downloaded[0].ratings is None
    assert_same(downloaded, read)


def test_the_public_addresses_are_asked_once(network, tmp_path):
    first = load_amazon("toys_and_games", data_dir=tmp_path)
    again = load_amazon("toys_and_games", data_dir=tmp_path)
    root = "https://snap.stanford.edu/data/amazon/productGraph/categoryFiles/"
    assert network == [
        root + "reviews_Toys_and_Games_5.json.gz",
        root + "meta_Toys_and_Games.json.gz",
    ]
    assert_same(first, again)


def test_examples_are_the_lines_in_order_with_their_items(prepared, release):
    log, catalogue = load_amazon("beauty", release)
    items = catalogue.rows(log.item_ids)
    examples = list(tfds.as_numpy(prepared.as_dataset(split="train")))
    assert [e["user_id"].decode() for e in examples] == log.user_ids.tolist()
    assert [e["timestamp"] for e in examples] == log.timestamps.tolist()
    assert [e["rating"] for e in examples] == log.ratings.tolist()
    for name in ATTRIBUTES:
        column = catalogue.attributes[name][items].tolist()
        assert [e[name].decode() for e in examples] == column


def test_ratings_that_the_file_lacks_are_nan(release, tmp_path):
    builder = Amazon2014(
        config="sports_and_outdoors", release_dir=release, data_dir=tmp_path
    )
    builder.download_and_prepare()
    examples = tfds.as_numpy(builder.as_dataset(split="train"))
    assert all(np.isnan(example["rating"]) for example in examples)


def test_a_copy_of_a_builder_reads_the_same_folder(prepared, release, tmp_path):
    original = Amazon2014(config="beauty", release_dir=release, data_dir=tmp_path)
    pickle.loads(pickle.dumps(original)).download_and_prepare()
    copied = (tmp_path / "amazon2014/beauty/1.0.0").glob("*.tfrecord*")
    expected = Path(prepared.data_dir).glob("*.tfrecord*")
    assert [p.read_bytes() for p in copied] == [p.read_bytes() for p in expected]


def test_a_folder_without_the_files_is_told(tmp_path):
    builder = Amazon2014(config="beauty", release_dir=tmp_path, data_dir=tmp_path)
    with pytest.raises(DataFileError, match=r"'reviews_Beauty_5\.json\.gz', 'meta"):
        builder.download_and_prepare()


def test_a_bad_line_of_a_download_is_named(network, release, tmp_path, monkeypatch):
    folder = tmp_path / "release"
    shutil.copytree(release, folder)
    lines = gzip.decompress((folder / NAMES["beauty"][0]).read_bytes()).splitlines()
    lines[4] = b"{"
    (folder / NAMES["beauty"][0]).write_bytes(gzip.compress(b"\n".join(lines)))
    monkeypatch.setattr(
        tfds.download.DownloadManager,
        "download",
        lambda _, urls: [folder / Path(url).name for url in urls],
    )
    with pytest.raises(DataFileError, match=r"reviews_Beauty_5\.json\.gz, line 5: "):
        load_amazon("beauty", data_dir=tmp_path)


@pytest.mark.parametrize(
    "error",
    [
        OSError("Failed to resolve 'snap.stanford.edu'"),
        tfds.download.DownloadError("Failed to get url. HTTP code: 404."),
    ],
)
def test_without_a_network_the_way_out_is_told(error, tmp_path, monkeypatch):
    def download(*_):
        raise error

    monkeypatch.setattr(tfds.download.DownloadManager, "download", download)
    with pytest.raises(ConnectionError) as caught:
        load_amazon("beauty", data_dir=tmp_path)
    message = str(caught.value)
    assert "categoryFiles/reviews_Beauty_5.json.gz" in message
    assert str(error) in message
    assert "put the files reviews_Beauty_5.json.gz and meta_Beauty.json.gz" in message
    assert "release_dir" in message


def test_an_unreachable_host_is_a_connection_error(tmp_path, monkeypatch):
    for variable in ("https_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9")  # nothing listens there
    for variable in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr("tensorflow_datasets.core.download.downloader.MAX_RETRIES", 0)
    with pytest.raises(ConnectionError, match="Without a network, put the files"):
        load_amazon("beauty", data_dir=tmp_path)


def test_an_unknown_name_lists_the_known(tmp_path):
    with pytest.raises(ValueError, match=r"\['beauty', .*\]. Received: 'books'"):
        load_amazon("books", data_dir=tmp_path)


def test_only_one_builder_is_registered():
    builder = tfds.builder_cls("amazon2014")
    assert builder is Amazon2014
    assert list(builder.builder_configs) == list(NAMES)
