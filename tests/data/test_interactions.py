import numpy as np
import pytest

from moc_tf.data.interactions import Catalogue, Interactions


class TestCatalogue:
    def test_rows_find_items_in_the_order_asked_for(self):
        catalogue = Catalogue(["c", "a", "b"], {"brand": np.array(["x", "", "y"])})
        rows = catalogue.rows(["a", "c", "a"])
        assert rows.tolist() == [1, 0, 1]
        assert catalogue.attributes["brand"][rows].tolist() == ["", "x", ""]
        assert len(catalogue) == 3

    def test_ids_become_strings(self):
        assert Catalogue([3, 1], {}).item_ids.tolist() == ["3", "1"]

    def test_missing_items_are_counted_and_named_once(self):
        with pytest.raises(
            ValueError,
            match=r"^2 item ids of the interactions are missing from the catalogue of "
            r"2 items: 'x', 'y'\.$",
        ):
            Catalogue(["a", "b"], {}).rows(["y", "a", "x", "y"])

    def test_an_item_occurs_once(self):
        with pytest.raises(ValueError, match=r"catalogue item ids must be unique.*'a'"):
            Catalogue(["a", "b", "a"], {}).rows(["b"])

    def test_attributes_have_one_value_an_item(self):
        with pytest.raises(
            ValueError,
            match=r"'brand' must have one value an item\. Received: 1 values for 2",
        ):
            Catalogue(["a", "b"], {"brand": np.array(["x"])})


class TestInteractions:
    LOG = (np.array(["u", "v", "w"]), np.array(["a", "b", "c"]), np.array([3, 1, 2]))

    @pytest.mark.parametrize(
        "rows", [np.array([2, 0]), np.array([True, False, True])], ids=["rows", "mask"]
    )
    def test_take_takes_from_every_column(self, rows):
        ratings = np.array([1.0, 2.0, 5.0], np.float32)
        taken = Interactions(*self.LOG, ratings).take(rows)
        order = np.arange(3)[rows]
        for values, column in zip((*self.LOG, ratings), vars(taken).values(), strict=1):
            assert column.tolist() == values[order].tolist()
        assert len(taken) == 2

    def test_ratings_may_be_absent(self):
        assert Interactions(*self.LOG, None).take(np.array([1])).ratings is None

    def test_columns_are_equally_long(self):
        with pytest.raises(
            ValueError,
            match=r"equally long\. Received: \{'user_ids': 3, .*'ratings': 1\}",
        ):
            Interactions(*self.LOG, np.ones(1, np.float32))
