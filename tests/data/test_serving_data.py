import numpy as np
import pytest

from moc_tf._artefact import ArtefactError
from moc_tf.data import ServingData, Vocabulary


def make(users=("u2", "u1"), items=("b", "a\n", "ключ"), brand=(1, 0, 2)):
    vocabularies = {"user": Vocabulary(users), "brand": Vocabulary(["x", "y"])}
    features = {"brand": np.array(brand, np.int32)}
    return ServingData(vocabularies, np.array(items), features)


def test_it_comes_back_as_it_was(tmp_path):
    data = make()
    data.save(tmp_path / "data")
    loaded = ServingData.load(tmp_path / "data")
    assert loaded.item_ids.tolist() == ["b", "a\n", "ключ"]
    assert loaded.vocabularies.keys() == {"user", "brand"}
    assert loaded.vocabularies["user"].ids(["u1", "u2", "u3"]).tolist() == [1, 2, 0]
    assert loaded.item_features["brand"].tolist() == [1, 0, 2]
    assert loaded.item_features["brand"].dtype == np.int32
    assert loaded.sha256() == data.sha256()


def test_the_checksum_tells_every_difference():
    others = [
        make(users=("u1", "u2", "u3")),
        make(items=("b", "a", "ключ")),
        make(items=("b\na", "", "ключ")),
        make(brand=(1, 0, 1)),
    ]
    assert len({data.sha256() for data in [make(), *others]}) == 5
    assert make(users=("u1", "u2", "u2")).sha256() == make().sha256()


def test_damage_is_found(tmp_path):
    make().save(tmp_path)
    (file,) = tmp_path.glob("item_ids-*.npy")
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(ArtefactError, match="was altered or truncated"):
        ServingData.load(tmp_path)


def test_features_of_another_number_of_items_are_refused():
    with pytest.raises(ValueError, match=r"'brand'.*2 values for 3 items"):
        make(brand=(1, 0))
