import math

import pytest

from moc_tf.evaluation import format_cells, format_table

ROWS = [
    {"name": "a|b", "value": 0.123456, "count": 1234567},
    {"name": "longer", "value": -12, "count": None},
    {"name": "c", "value": math.nan},
]


def test_plain_table_is_aligned():
    assert format_table(ROWS, ["name", "value", "count"]) == (
        "name     value    count\n"
        "------  ------  -------\n"
        "a|b     0.1235  1234567\n"
        "longer     -12        -\n"
        "c            -        -"
    )


def test_markdown_table_is_aligned_and_escaped():
    assert format_table(ROWS, ["value", "name"], "markdown") == (
        "|  value | name   |\n"
        "| -----: | ------ |\n"
        "| 0.1235 | a\\|b   |\n"
        "|    -12 | longer |\n"
        "|      - | c      |"
    )


def test_columns_of_equal_heads_are_all_shown():
    table = format_cells([["a", 1], ["b|", None]], ["x", "x"])
    assert table.splitlines() == ["x   x", "--  -", "a   1", "b|  -"]


def test_another_style_is_refused():
    with pytest.raises(ValueError, match=r"'plain' or 'markdown'\. Received: 'html'"):
        format_table(ROWS, ["name"], "html")


def test_a_table_without_columns_is_refused():
    with pytest.raises(ValueError, match="at least one column"):
        format_table(ROWS, [])
