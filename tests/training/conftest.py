"""A planted benchmark small enough to train on in a second or two."""

import pytest

from moc_tf.data import PlantedConfig, make_planted, prepare_ranking_data


@pytest.fixture(scope="session")
def planted():
    return make_planted(
        PlantedConfig(
            num_items=300,
            num_users=150,
            num_interactions=6_000,
            num_factors=6,
            num_values=4,
        )
    )


@pytest.fixture(scope="session")
def data(planted):
    return prepare_ranking_data(
        planted.interactions, planted.catalogue, "rating", "planted"
    )
