import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from moc_tf.data import Catalogue, TextTemplate, item_texts

SOAP = {
    "title": "Rose soap",
    "brand": "Acme",
    "category": "Beauty > Bath",
    "description": "Smells of roses",
}


def without(*names):
    return SOAP | dict.fromkeys(names, "")


class TestTextTemplate:
    def test_the_default_has_a_line_a_field(self):
        assert TextTemplate().render(SOAP) == (
            "Rose soap\nBrand: Acme\nCategory: Beauty > Bath\nSmells of roses"
        )

    @pytest.mark.parametrize(
        ("missing", "text"),
        [
            (["title"], "Brand: Acme. Smells of roses"),
            (["brand"], "Rose soap. Smells of roses"),
            (["description"], "Rose soap. Brand: Acme"),
            (["title", "description"], "Brand: Acme"),
            (["title", "brand", "description"], ""),
        ],
    )
    def test_what_is_missing_takes_its_words_and_its_separator_along(
        self, missing, text
    ):
        template = TextTemplate("{title} | Brand: {brand} | {description}", ". ")
        assert template.render(without(*missing)) == text

    def test_a_part_with_two_fields_needs_both(self):
        template = TextTemplate("{title} by {brand}|{category}", " / ")
        assert template.render(SOAP) == "Rose soap by Acme / Beauty > Bath"
        assert template.render(without("brand")) == "Beauty > Bath"

    def test_white_space_in_values_is_one_space_and_alone_is_missing(self):
        template = TextTemplate("{title}|{brand}|{category}", "\n")
        values = {"title": " Rose\n\t soap ", "brand": " \n ", "category": "a | b"}
        assert template.render(values) == "Rose soap\na | b"

    def test_braces_and_formats_are_those_of_str_format(self):
        template = TextTemplate("{{{title:.4}}}|{description:.7}", " ")
        # The seventh character is the space after "Smells", which no text ends with.
        assert template.render(SOAP) == "{Rose} Smells"
        assert TextTemplate("{title:.0}|{brand}", ", ").render(SOAP) == "Acme"

    def test_a_value_is_never_taken_for_a_template(self):
        assert TextTemplate("{title}").render({"title": "{brand} | {0}"}) == (
            "{brand} | {0}"
        )

    def test_fields_are_named_once_in_order(self):
        template = TextTemplate("{b} {a} {b}|{a}|{c}")
        assert template.fields == ("b", "a", "c")
        assert repr(template) == r"TextTemplate('{b} {a} {b}|{a}|{c}', '\n')"

    @given(
        st.lists(st.sampled_from(["", " ", "x", "word", "two words"]), min_size=4),
        st.sampled_from([". ", "\n", " | ", ";"]),
    )
    def test_only_separators_between_present_parts(self, values, separator):
        names = [f"f{n}" for n in range(len(values))]
        template = TextTemplate("|".join(f"<{{{name}}}>" for name in names), separator)
        text = template.render(dict(zip(names, values, strict=True)))
        present = [value for value in values if value.strip()]
        assert text == separator.join(f"<{value}>" for value in present)

    @pytest.mark.parametrize(
        ("template", "problem"),
        [
            ("", "The part '' is not one: it has no field"),
            ("{title} | ", "The part '' is not one: it has no field"),
            ("{title} | made by", "The part 'made by' is not one: it has no field"),
            ("{title} | {}", "'{}' is not one: it has {}, which is no name"),
            ("{0}", "it has {0}, which is no name of a field"),
            ("{title.upper}", "it has {title.upper}, which is no name of a field"),
            ("{title[0]}", "it has {title[0]}, which is no name of a field"),
            ("{ title }", "it has { title }, which is no name of a field"),
            ("{title!r}", "of {title} it asks more than strings can give"),
            ("{title:{width}}", "of {title} it asks more than strings can give"),
            ("{title:.2f}", "Unknown format code 'f'"),
            ("{title", "expected '}' before end of string"),
            ("title}", "Single '}' encountered"),
            ("{title|brand}", "The part '{title' is not one: expected '}'"),
        ],
    )
    def test_a_malformed_template_is_told_when_it_is_made(self, template, problem):
        with pytest.raises(ValueError, match="A template is parts with a") as caught:
            TextTemplate(template)
        assert problem in str(caught.value)
        assert str(caught.value).endswith(f"Received: {template!r}.")


class TestItemTexts:
    def catalogue(self, **attributes):
        ids = [f"i{n}" for n in range(len(next(iter(attributes.values()))))]
        return Catalogue(
            np.array(ids), {name: np.array(v) for name, v in attributes.items()}
        )

    def test_a_text_an_item_in_their_order(self):
        catalogue = self.catalogue(
            title=["Soap", "", "Comb"], brand=["Acme", "Acme", ""], size=["1", "2", "3"]
        )
        template = TextTemplate("{brand}|{title}", " ")
        assert item_texts(catalogue, template) == ["Acme Soap", "Acme", "Comb"]

    def test_strings_of_any_width(self):
        texts = np.array(["a" * 1000, "b"], np.dtypes.StringDType())
        catalogue = Catalogue(np.array(["x", "y"]), {"title": texts})
        assert item_texts(catalogue, TextTemplate("{title}")) == ["a" * 1000, "b"]

    def test_a_field_that_items_do_not_have_is_told(self):
        with pytest.raises(ValueError, match=r"are 'title'\. .*where 'titel' is none"):
            item_texts(self.catalogue(title=["Soap"]), TextTemplate("{title}|{titel}"))

    def test_items_without_a_text_are_named(self):
        catalogue = self.catalogue(title=["Soap", "", " "], brand=["", "", ""])
        with pytest.raises(ValueError, match=r"2 of 3 items have no text.*'i1', 'i2'"):
            item_texts(catalogue, TextTemplate("{title}|{brand}"))
