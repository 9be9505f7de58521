"""What inspect_codes prints and draws, as a whole and part by part."""

import gzip
import pathlib
import subprocess
import sys

import numpy as np
import pytest

from experiments.code_card import code_card
from experiments.code_stability import compare_tables, stability_text
from experiments.similar_items import similar_items, similar_items_text, titles
from moc_tf.code_table import CodeTable, UnknownItemError

ROOT = pathlib.Path(__file__).parents[2]
CODES = [[0, 1, 2], [0, 1, 2], [0, 1, 3], [0, 3, 3], [3, 3, 3], [3, 1, 2]]
IDS = ["soap", "scrub", "cream", "brush", "comb", "wax"]
MANIFEST = {
    "method": "moc",
    "configuration": {"num_codebooks": 3, "seed": 5, "hidden_units": (32, 16)},
    "input_dim": 24,
    "fit": {"items": 4, "seconds": 1.25},
    "versions": {"moc_tf": "0.1.0", "numpy": "2.4.6"},
    "vectors_sha256": "0123456789abcdef" * 4,
    "quality": {
        "relative_error": 0.4567,
        "neighbour_recall": 0.25,
        "chance_recall": 0.0125,
        "neighbour_items": 801,
    },
}


def run(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "experiments.inspect_codes", *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )


def planted_table(manifest=None):
    return CodeTable(IDS, CODES, 4, MANIFEST if manifest is None else manifest)


@pytest.fixture
def release(tmp_path):
    """A folder with the metadata of the items, and an empty file of reviews."""
    folder = tmp_path / "release"
    folder.mkdir()
    (folder / "reviews_Beauty_5.json.gz").write_bytes(gzip.compress(b""))
    with gzip.open(folder / "meta_Beauty.json.gz", "wt") as metadata:
        for item in [*reversed(IDS), "other"]:
            metadata.write(f"{ {'asin': item, 'title': f'A fine {item}'}!r}\n")
    return folder


def test_the_binary_from_tables_to_card_pictures_and_similar_items(tmp_path, release):
    planted_table().save(tmp_path / "a")
    swapped = np.array(CODES)[::-1, [1, 0, 2]]
    CodeTable(IDS[::-1], swapped, 4, MANIFEST).save(tmp_path / "b")
    process = run(
        f"--codes={tmp_path / 'a'},{tmp_path / 'b'}",
        "--item=soap",
        "--similar=3",
        "--dataset=amazon/beauty",
        f"--data_dir={release}",
        f"--out={tmp_path / 'out'}",
    )
    assert process.returncode == 0, process.stderr
    assert code_card(planted_table()) in process.stdout
    lines = process.stdout.splitlines()
    start = lines.index("item     0 1 2   soap    A fine soap")
    assert lines[start + 1 : start + 5] == [
        "3 of 3   0 1 2   scrub   A fine scrub",
        "2 of 3   0 1 3   cream   A fine cream",
        "2 of 3   3 1 2   wax     A fine wax",
        "",
    ]
    assert "Matched: 0 with 1, 1 with 0, 2 with 2." in lines
    for name in ("code_usage", "pairwise_nmi", "stability"):
        picture = tmp_path / "out" / f"{name}.png"
        assert picture.read_bytes().startswith(b"\x89PNG")
        assert str(picture) in lines[-1]


def test_help_explains_the_binary():
    assert "python -m experiments.inspect_codes" in run("--help").stdout


def test_flags_are_read_before_tensorflow_is_loaded():
    code = (
        "import sys, experiments.inspect_codes; sys.exit('tensorflow' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


def test_the_card_says_what_made_the_codes_and_how_good_they_are():
    card = code_card(planted_table())
    lines = card.splitlines()
    assert lines[0] == "3 x 4 codes of 6 items, by moc"
    assert "made by   moc, seed 5, fitted on 4 items in 1.2 s" in lines
    assert "settings  hidden_units\N{NO-BREAK SPACE}32-16" in lines
    assert "vectors   24 dimensions, SHA-256 0123456789abcdef" in lines
    assert f"codes     SHA-256 {planted_table().sha256()[:16]}" in lines
    assert "relative error        0.457   0: decodes exactly" in card
    assert "neighbour recall@10   0.250   chance 0.0125, among 801 items" in lines
    assert "unique codes          66.7%" in card
    assert "1.20   mean of 5 buckets of equal codes; the largest has 2" in card
    # Perplexity 1.9 and 2 codes of 4: a bar of 40 has 19, 1 more, and 20 dead.
    bar = "█" * 19 + "▒" + "·" * 20
    assert f"       0   50.0%       2         1.9   {bar}" in lines
    assert "1                4   66.7%   " + "█" * 27 in lines
    assert "2-3              2   33.3%   " + "█" * 13 in lines


def test_the_card_of_a_table_without_a_manifest_has_what_codes_tell():
    card = code_card(planted_table({}))
    assert card.startswith("3 x 4 codes of 6 items\n")
    assert "made by   not recorded" in card
    assert "relative error" not in card
    assert "mean pairwise NMI" in card


def test_the_card_of_shuffled_codes_claims_nothing_of_the_vectors():
    card = code_card(planted_table().shuffled(3))
    assert "then dealt out to other items, seeds [3]" in " ".join(card.split())
    assert "relative error" not in card
    assert "neighbour recall" not in card


def test_the_card_tells_of_later_items_and_of_several_tables_a_code():
    table = CodeTable(IDS, CODES, 4, MANIFEST, tables_per_code=7)
    card = " ".join(code_card(table.extend(["oil"], [[1, 1, 1]], MANIFEST)).split())
    assert "3 x 4 codes of 7 items" in card
    assert "seed 5, 7 tables a code, fitted on" in card
    assert "then extended by 1 items, which relative error" in card


def test_one_codebook_has_no_redundancy():
    card = code_card(CodeTable(IDS, np.array(CODES)[:, :1], 4))
    assert "NMI" not in card


def test_similar_items_come_by_shared_codes_then_in_the_tables_order():
    table = planted_table()
    assert similar_items(table, "soap", 9).tolist() == [1, 2, 5, 3]  # comb has none
    assert similar_items(table, "comb", 2).tolist() == [3, 2]
    text = similar_items_text(table, "comb", similar_items(table, "comb", 2), {})
    assert text.splitlines()[-1] == "... 2 of the 3 items that share 1 or more codes"
    alone = CodeTable(["a", "b"], [[0], [1]], 2)
    text = similar_items_text(alone, "a", similar_items(alone, "a", 5), {})
    assert text.splitlines()[-1] == "No other item shares a code with it."


def test_an_unknown_item_is_named_with_similar_ids():
    with pytest.raises(UnknownItemError, match=r"of the 6 .*'creme'.*: 'cream'"):
        similar_items(planted_table(), "creme", 3)


def test_titles_are_those_of_the_items_asked_for(release):
    found = titles("amazon/beauty", str(release), ["wax", "soap"])
    assert found == {"wax": "A fine wax", "soap": "A fine soap"}
    with pytest.raises(ValueError, match="no line for 1 of the 1 items"):
        titles("amazon/beauty", str(release), ["chair"])
    with pytest.raises(ValueError, match="must be one of"):
        titles("planted", str(release), ["wax"])


def test_tables_are_compared_item_by_item_whatever_their_order():
    table = planted_table()
    order = [3, 1, 5, 0, 2, 4]
    again = CodeTable([IDS[i] for i in order], table.codes[order], 4)
    other = table.shuffled(1)
    found = compare_tables({"a": table, "b": again, "c": other})
    assert list(found) == [("a", "b"), ("a", "c"), ("b", "c")]
    assert found["a", "b"].mean_nmi == pytest.approx(1)
    assert found["a", "c"].mean_nmi < 0.99
    text = stability_text(found)
    mean = np.mean([each.mean_nmi for each in found.values()])
    assert text.splitlines()[-1].split()[:2] == ["mean", f"{mean:.3f}"]


def test_tables_of_other_items_are_not_compared():
    other = CodeTable([*IDS[:-1], "oil"], CODES, 4)
    with pytest.raises(ValueError, match=r"same items.*a and b, .* 2 items.*'oil'"):
        compare_tables({"a": planted_table(), "b": other})
