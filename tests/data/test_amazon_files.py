import gzip
import json
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moc_tf.data import amazon_files
from moc_tf.data.amazon_files import (
    DataFileError,
    load_amazon,
    read_catalogue,
    read_reviews,
    release_paths,
    vectors_path,
)


def write(path, lines):
    path.write_bytes(gzip.compress("".join(f"{line}\n" for line in lines).encode()))
    return path


def review(user, item, time, **more):
    return json.dumps(
        {"reviewerID": user, "asin": item, "unixReviewTime": time, **more}
    )


REVIEWS = [
    review("u2", "B", 20, overall=4.0, reviewText="ignored", helpful=[0, 1]),
    review("u1", "A", 10, overall=1),
    review("u1", "B", 30, overall=5.0),
]
METADATA = [
    repr({"asin": "C", "title": "Unreviewed"}),
    repr(
        {
            "asin": "B",
            "title": 'A "salt & pepper" café set, it\'s',
            "brand": "Nørd",
            "categories": [["Home", "Kitchen"], ["Gifts"]],
            "description": "two pieces",
            "price": 3.5,
            "related": {"also_bought": ["A"]},
        }
    ),
    repr({"title": "Whisk", "asin": "A", "brand": None}),
]


@pytest.fixture
def release(tmp_path):
    write(tmp_path / "reviews_Beauty_5.json.gz", REVIEWS)
    write(tmp_path / "meta_Beauty.json.gz", METADATA)
    return tmp_path


class TestReadReviews:
    def test_columns_are_those_of_the_lines(self, release):
        log = read_reviews(release / "reviews_Beauty_5.json.gz")
        assert log.user_ids.tolist() == ["u2", "u1", "u1"]
        assert log.item_ids.tolist() == ["B", "A", "B"]
        assert log.timestamps.tolist() == [20, 10, 30]
        assert log.ratings.tolist() == [4.0, 1.0, 5.0]
        assert log.user_ids.dtype.kind == log.item_ids.dtype.kind == "U"
        assert log.timestamps.dtype == np.int64
        assert log.ratings.dtype == np.float32

    def test_a_file_without_ratings_has_none(self, tmp_path):
        path = write(tmp_path / "r.json.gz", [review("u", "A", 1), review("v", "A", 2)])
        assert read_reviews(path).ratings is None

    @settings(deadline=None, max_examples=30)
    @given(
        st.lists(
            st.tuples(
                st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1),
                st.integers(0, 2**63 - 1),
                st.sampled_from([1.0, 2.0, 3.0, 4.0, 5.0]),
            ),
            min_size=1,
        )
    )
    def test_any_identifier_and_time_survives(self, tmp_path_factory, rows):
        path = tmp_path_factory.mktemp("reviews") / "r.json.gz"
        log = read_reviews(
            write(path, [review(u, u, t, overall=s) for u, t, s in rows])
        )
        assert list(zip(log.user_ids, log.timestamps, log.ratings, strict=True)) == rows

    def test_a_rating_missing_from_some_lines_names_the_first(self, tmp_path):
        lines = [REVIEWS[0], review("u", "A", 1), REVIEWS[1], review("v", "A", 1)]
        path = write(tmp_path / "r.json.gz", lines)
        with pytest.raises(DataFileError, match=r"r\.json\.gz, line 2: .*2 of the 4"):
            read_reviews(path)

    @pytest.mark.parametrize(
        ("line", "message"),
        [
            ('{"reviewerID": "u", "asin": ', "not a JSON object"),
            ("", "not a JSON object"),
            ("[1, 2]", r"not a JSON object. Received: '\[1, 2\]"),
            ("[" * 100_000, "not a JSON object"),
            ('{"asin": "A", "unixReviewTime": 1}', "'reviewerID' is missing.*'asin'"),
            (review(7, "A", 1), "'reviewerID' must be a string.*Received: 7"),
            (review("u", "", 1), "'asin' must be a string that is not empty"),
            (review("u", "A", "1"), "'unixReviewTime' must be a whole number"),
            (review("u", "A", True), "'unixReviewTime' must be a whole number"),
            (review("u", "A", -1), "'unixReviewTime' must be a whole number"),
            (review("u", "A", 2**63), "'unixReviewTime' must be a whole number"),
            (
                review("u", "A", 1, overall="5"),
                "'overall' must be a number from 1 to 5",
            ),
            (review("u", "A", 1, overall=None), "'overall' must be .*Received: None"),
            (review("u", "A", 1, overall=float("nan")), "'overall' must be.*nan"),
            (review("u", "A", 1, overall=0.5), "'overall' must be"),
            (review("u", "A", 1, overall=5.5), "'overall' must be"),
        ],
    )
    def test_a_bad_line_is_named(self, tmp_path, line, message):
        path = write(tmp_path / "r.json.gz", [*REVIEWS[:2], line, REVIEWS[2]])
        with pytest.raises(DataFileError, match=rf"r\.json\.gz, line 3: .*{message}"):
            read_reviews(path)

    def test_a_long_bad_line_is_not_repeated_whole(self, tmp_path):
        path = write(tmp_path / "r.json.gz", ["x" * 10_000])
        with pytest.raises(DataFileError) as caught:
            read_reviews(path)
        assert len(str(caught.value)) < 500

    def test_text_that_is_not_utf8_is_named(self, tmp_path):
        path = tmp_path / "r.json.gz"
        path.write_bytes(gzip.compress(REVIEWS[0].encode() + b"\n\xff\n"))
        with pytest.raises(DataFileError, match=r"line 2: 'utf-8' codec"):
            read_reviews(path)

    def test_a_truncated_file_is_told(self, tmp_path):
        lines = [review(f"u{n}", "A", n) for n in range(1000)]
        path = write(tmp_path / "r.json.gz", lines)
        path.write_bytes(path.read_bytes()[:-20])
        with pytest.raises(
            DataFileError, match=r"not a whole gzip file.*Fetch the file"
        ):
            read_reviews(path)

    def test_a_damaged_file_is_told(self, tmp_path):
        path = write(tmp_path / "r.json.gz", REVIEWS)
        content = bytearray(path.read_bytes())
        content[10] ^= 0xFF
        path.write_bytes(content)
        with pytest.raises(DataFileError, match="not a whole gzip file"):
            read_reviews(path)

    def test_a_file_that_is_not_gzip_is_told(self, tmp_path):
        path = tmp_path / "r.json.gz"
        path.write_text(REVIEWS[0])
        with pytest.raises(
            DataFileError, match=r"not a whole gzip.*after line 0: Not a"
        ):
            read_reviews(path)

    def test_a_file_without_lines_is_told(self, tmp_path):
        with pytest.raises(DataFileError, match="has no lines"):
            read_reviews(write(tmp_path / "r.json.gz", []))


class TestReadCatalogue:
    def test_all_items_in_file_order(self, release):
        catalogue = read_catalogue(release / "meta_Beauty.json.gz")
        assert catalogue.item_ids.tolist() == ["C", "B", "A"]
        columns = {key: v.tolist() for key, v in catalogue.attributes.items()}
        assert columns == {
            "title": ["Unreviewed", 'A "salt & pepper" café set, it\'s', "Whisk"],
            "brand": ["", "Nørd", ""],
            "category": ["", "Home > Kitchen", ""],
            "description": ["", "two pieces", ""],
        }

    def test_only_the_wanted_items_in_file_order(self, release):
        catalogue = read_catalogue(release / "meta_Beauty.json.gz", ["A", "B"])
        assert catalogue.item_ids.tolist() == ["B", "A"]
        assert catalogue.attributes["brand"].tolist() == ["Nørd", ""]

    def test_no_item_is_wanted(self, release):
        catalogue = read_catalogue(release / "meta_Beauty.json.gz", [])
        assert len(catalogue) == 0
        assert set(catalogue.attributes) == set(amazon_files.ATTRIBUTES)

    def test_lines_of_other_items_are_not_parsed(self, tmp_path):
        lines = ["{'asin': 'B', 'title': ", "{'asin': 'A', 'title': 'Whisk'}"]
        path = write(tmp_path / "m.json.gz", lines)
        assert read_catalogue(path, ["A"]).attributes["title"].tolist() == ["Whisk"]
        with pytest.raises(DataFileError, match=r"line 1: .*not a Python dict literal"):
            read_catalogue(path)

    def test_an_escaped_id_is_parsed_before_it_is_judged(self, tmp_path):
        path = write(tmp_path / "m.json.gz", [r"{'asin': '\x41', 'title': 'Whisk'}"])
        assert read_catalogue(path, ["A"]).item_ids.tolist() == ["A"]

    def test_one_long_description_does_not_widen_all(self, tmp_path):
        texts = ["x" * 100_000, *("short" for _ in range(999))]
        lines = [repr({"asin": str(n), "description": t}) for n, t in enumerate(texts)]
        catalogue = read_catalogue(write(tmp_path / "m.json.gz", lines))
        column = catalogue.attributes["description"]
        assert column.tolist() == texts
        assert column.nbytes < 100_000

    def test_wanted_items_without_a_line_are_named(self, release):
        path = release / "meta_Beauty.json.gz"
        with pytest.raises(DataFileError, match=r"no line for 2 of the 3 .*'X', 'Y'"):
            read_catalogue(path, ["X", "A", "Y"])

    def test_a_second_line_of_an_item_is_named(self, tmp_path):
        path = write(tmp_path / "m.json.gz", [*METADATA, METADATA[1]])
        with pytest.raises(DataFileError, match="line 4: the item 'B' has an earlier"):
            read_catalogue(path)

    @pytest.mark.parametrize(
        ("line", "message"),
        [
            ("{'asin': 'D', 'title'", "not a Python dict literal"),
            ("{'asin': open('x')}", "not a Python dict literal: malformed node"),
            ("{[]: 1}", "not a Python dict literal"),
            ("('asin', 'D')", "not a Python dict literal"),
            ("{'title': 'D'}", "'asin' is missing"),
            ("{'asin': 'D', 'title': 5}", "'title' must be a string. Received: 5"),
            ("{'asin': 'D', 'categories': 'Toys'}", "'categories' must be a list of"),
            ("{'asin': 'D', 'categories': ['Toys']}", "'categories' must be a list of"),
            ("{'asin': 'D', 'categories': [[5]]}", "'categories' must be a list of"),
        ],
    )
    def test_a_bad_line_is_named(self, tmp_path, line, message):
        path = write(tmp_path / "m.json.gz", [METADATA[0], line])
        with pytest.raises(DataFileError, match=rf"m\.json\.gz, line 2: .*{message}"):
            read_catalogue(path)

    def test_nothing_in_a_line_is_run(self, tmp_path):
        victim = tmp_path / "made_by_a_line"
        line = f"{{'asin': open({str(victim)!r}, 'w')}}"
        with pytest.raises(DataFileError):
            read_catalogue(write(tmp_path / "m.json.gz", [line]))
        assert not victim.exists()


class TestLoadAmazon:
    def test_the_catalogue_is_that_of_the_interactions_sorted(self, release):
        log, catalogue = load_amazon("beauty", release)
        assert log.item_ids.tolist() == ["B", "A", "B"]
        assert catalogue.item_ids.tolist() == ["A", "B"]
        assert catalogue.attributes["category"].tolist() == ["", "Home > Kitchen"]
        assert catalogue.attributes["description"].tolist() == ["", "two pieces"]

    def test_an_item_without_metadata_is_named(self, release):
        write(release / "reviews_Beauty_5.json.gz", [review("u", "Z", 1)])
        with pytest.raises(DataFileError, match=r"no line for 1 of the 1 items.*'Z'"):
            load_amazon("beauty", release)

    def test_a_folder_needs_no_tensorflow_datasets(self, release):
        script = (
            "import sys; from moc_tf.data.amazon_files import load_amazon; "
            "load_amazon('beauty', sys.argv[1]); "
            "print('tensorflow_datasets' in sys.modules)"
        )
        done = subprocess.run(
            [sys.executable, "-c", script, str(release)],
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.strip() == "False"

    def test_a_folder_without_the_files_says_what_it_holds(self, tmp_path):
        (tmp_path / "reviews_Beauty.json").touch()
        with pytest.raises(DataFileError) as caught:
            load_amazon("beauty", tmp_path)
        message = str(caught.value)
        assert message.startswith("'reviews_Beauty_5.json.gz', 'meta_Beauty.json.gz'")
        assert f"not found in the folder {tmp_path}." in message
        assert "The folder holds 'reviews_Beauty.json'." in message

    def test_only_the_lacking_file_is_missed(self, release):
        (release / "meta_Beauty.json.gz").unlink()
        with pytest.raises(DataFileError, match=r"^'meta_Beauty.json.gz' not found"):
            load_amazon("beauty", release)

    def test_an_empty_and_an_absent_folder_are_told_apart(self, tmp_path):
        with pytest.raises(DataFileError, match="The folder is empty"):
            load_amazon("beauty", tmp_path)
        with pytest.raises(DataFileError, match="The folder does not exist"):
            load_amazon("beauty", tmp_path / "absent")

    def test_an_unknown_name_lists_the_known(self, tmp_path):
        with pytest.raises(ValueError, match=r"\['beauty', .*\]. Received: 'books'"):
            load_amazon("books", tmp_path)

    def test_two_folders_are_one_too_many(self, release):
        with pytest.raises(ValueError, match=r"data_dir would go unused.*Give one"):
            load_amazon("beauty", release, data_dir=release)

    def test_names_of_the_files(self, tmp_path):
        reviews = write(tmp_path / "reviews_Toys_and_Games_5.json.gz", REVIEWS)
        metadata = write(tmp_path / "meta_Toys_and_Games.json.gz", METADATA)
        assert release_paths("toys_and_games", tmp_path) == (reviews, metadata)
        assert vectors_path("sports_and_outdoors", tmp_path) == (
            tmp_path / "item_embeddings_Sports_and_Outdoors.npz"
        )
        with pytest.raises(ValueError, match="Received: 'books'"):
            vectors_path("books", tmp_path)
