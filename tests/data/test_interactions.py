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

    def test_a_value_that_is_no_string_is_named_with_its_item(self):
        brands = np.array(["x", None, "y"], object)
        with pytest.raises(
            ValueError, match=r"'brand' must be strings.*Received: None of item 'b'"
        ):
            Catalogue(["a", "b", "c"], {"brand": brands})
        with pytest.raises(ValueError, match=r"'price'.*Received: dtype float64"):
            Catalogue(["a", "b"], {"price": np.array([0.5, np.nan])})

    def test_attributes_may_be_lists(self):
        catalogue = Catalogue(["a", "b"], {"brand": ["x", "y"]})
        assert catalogue.attributes["brand"][np.array([1])].tolist() == ["y"]


class TestInteractions:
    LOG = (np.array(["u", "v", "w"]), np.array(["a", "b", "c"]), np.array([3, 1, 2]))

    @pytest.mark.parametrize(
        "rows", [np.array([2, 0]), np.array([True, False, True])], ids=["rows", "mask"]
    )
    def test_take_takes_from_every_column(self, rows):
        ratings = np.array([1.0, 2.0, 5.0], np.float32)
        columns = (*self.LOG, ratings, np.array([True, False, False]))
        taken = Interactions(*columns).take(rows)
        order = np.arange(3)[rows]
        for values, column in zip(columns, vars(taken).values(), strict=True):
            assert column.tolist() == values[order].tolist()
        assert len(taken) == 2

    def test_ratings_and_clicks_may_be_absent(self):
        taken = Interactions(*self.LOG, None).take(np.array([1]))
        assert taken.ratings is None
        assert taken.clicks is None

    @pytest.mark.parametrize(
        "clicks", [[1, 0, 1], [1.0, 0.0, 1.0], [True, False, True], np.int8([1, 0, 1])]
    )
    def test_clicks_are_0_and_1_of_any_type(self, clicks):
        log = Interactions(*self.LOG, None, clicks)
        assert log.clicks.tolist() == [True, False, True]
        assert log.clicks.dtype == bool

    def test_columns_are_equally_long(self):
        with pytest.raises(
            ValueError,
            match=r"equally long\. Received: \{'user_ids': 3, .*'ratings': 1\}",
        ):
            Interactions(*self.LOG, np.ones(1, np.float32))

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (
                {"user_ids": np.array(["u", None, "w"], object)},
                "user_ids.*None in row 1",
            ),
            ({"item_ids": ["a", "b", np.nan]}, "item_ids must be .*nan.* in row 2"),
            ({"timestamps": np.array([1, np.nan, 2])}, "timestamps.*nan.* in row 1"),
            (
                {"timestamps": np.array(["2014-01-01", "NaT", "NaT"], "M8[s]")},
                r"timestamps must be integers.*NaT.* in row 1, dtype datetime64\[s\]",
            ),
            ({"ratings": np.array([5, 1, np.nan])}, "ratings must be finite.*row 2"),
            ({"ratings": [None, 1, 5]}, "ratings must be finite.*nan in row 0"),
            ({"clicks": [0, 1, 2]}, "clicks must be 0 or 1.*2.* in row 2"),
            ({"clicks": [0, None, 1]}, "clicks must be 0 or 1.*None in row 1"),
            ({"clicks": np.array([0, 1, np.nan])}, "clicks must be 0 or 1.*nan.*row 2"),
            ({"clicks": ["0", "1", "0"]}, "clicks must be 0 or 1.*'0'.* in row 0"),
            ({"clicks": [0.5, 0, 1]}, r"clicks must be 0 or 1.*0\.5.* in row 0"),
        ],
    )
    def test_the_first_row_without_a_value_is_named(self, change, message):
        names = ("user_ids", "item_ids", "timestamps", "ratings")
        columns = dict(zip(names, (*self.LOG, None), strict=True))
        with pytest.raises(ValueError, match=message):
            Interactions(**{**columns, **change})

    def test_columns_may_be_lists(self):
        log = Interactions(["u", "v"], [1, 2], [10, 20], [5.0, 1.0])
        assert log.item_ids.tolist() == ["1", "2"]
        assert log.take(np.array([1])).timestamps.tolist() == [20]
