"""The ranker: features and codes -> logit of a click."""

from collections.abc import Mapping
from typing import Any

import tensorflow as tf
import tensorflow_recommenders as tfrs

from moc_tf._keras import keras
from moc_tf.data.schema import Schema
from moc_tf.global_batch import global_mean
from moc_tf.ranking import interactions
from moc_tf.ranking.batch_columns import bounded_column
from moc_tf.ranking.dictionary_model import DictionaryModel
from moc_tf.ranking.precision import built_in, check_same
from moc_tf.ranking.schema_embeddings import SchemaEmbeddings


@keras.utils.register_keras_serializable(package="moc_tf")
class Ranker(DictionaryModel):
    """A CTR ranker over the fields of a schema, codes among them.

    It trains on dictionaries of features and label, by binary cross-entropy:

        model.compile(optimizer=LazyAdam(1e-3))
        model.fit(train, validation_data=valid)
        logits = model.predict(test)

    Training reports `logloss`, the mean over all examples since the epoch began;
    `loss` is that of the last batch alone, as in every TFRS model. AUC is not among
    the metrics: Keras' own is too coarse for differences between rankers, so take it
    from the logits, by `moc_tf.evaluation`.

    Examples of unequal weight have it in a column of the batches, which the schema
    names:

        schema = Schema((user, item), weight="weight")

    The loss of a batch is then the sum of its weighted losses, divided by the number of
    its examples, as Keras has it, and `logloss` the weighted mean. `predict` and a
    served model need neither label nor weight.

    Args:
      schema: the features, in the order of the fields, and the label.
      interaction: what makes a logit of the field embeddings, such as "dcn_v2"; see
        `moc_tf.ranking.interactions.get`.
      fusion: of the fields of `schema.fused`, such as the code embeddings; see
        `moc_tf.ranking.fusion.get`. Unused if the schema has no such feature.
      embedding_dim: d, the size of an embedding.
      embeddings_initializer: of the tables; None is a normal distribution with
        standard deviation 0.01. Linear weights start at zero.
      embedding_l2: weight of an L2 penalty on the rows looked up for a training
        batch; see `SchemaEmbeddings`.
      code_embedding: "tables", a table for each codebook; "ngram" or "prefix", tables
        of code sequences; see `moc_tf.ranking.code_embedding.get`.
      code_tables: "trained", or "frozen": the code embeddings stay as they are, which
        makes sense after `start_from_codebooks`. Linear weights are always trained.
      dtype: what it computes in, such as "mixed_bfloat16"; None is Keras' own policy.
        Layers that are given, as interaction or fusion, must be of the same.

    Attributes:
      embeddings: `SchemaEmbeddings`, which holds the tables and the fusion.
      linear: `SchemaEmbeddings` of dimension 1 if the interaction wants a linear
        term, otherwise None. A number has one weight, as an id has; vectors have none,
        since an MLP reads them already.
      interaction: the interaction layer.

    Call arguments:
      features: a tensor for each of `schema.inputs`, by name. Other keys, such as the
        label, are ignored.

    Returns:
      Logits, float32 [batch].

    Raises:
      ValueError: if a feature, or in training the label or weight, is missing, a layer
        that is given is of another dtype, or the interaction gives no logits [batch].
      tf.errors.InvalidArgumentError: in training, if a label lies outside [0, 1], or a
        weight is negative or not finite. XLA drops this check, as it drops every
        assertion.
    """

    def __init__(
        self,
        schema: Schema,
        interaction: Any,
        fusion: Any = "self_gating",
        embedding_dim: int = 16,
        embeddings_initializer: Any = None,
        embedding_l2: float = 0.0,
        code_embedding: Any = "tables",
        code_tables: str = "trained",
        **kwargs: Any,
    ):
        # Half precision would round numbers and vectors before they are standardised.
        super().__init__(autocast=False, **kwargs)
        precision = self.dtype_policy.name
        self.schema = schema
        self.embeddings = SchemaEmbeddings(
            schema,
            embedding_dim,
            fusion,
            embeddings_initializer,
            embedding_l2,
            code_embedding,
            code_tables,
            dtype=precision,
            name="embeddings",
        )
        with built_in(precision):
            self.interaction = interactions.get(interaction)
        check_same(self.interaction, precision, "interaction")
        self.linear = None
        linear_schema = schema.without_vectors()
        if linear_schema and getattr(self.interaction, "linear_term", False):
            self.linear = SchemaEmbeddings(
                linear_schema,
                embedding_dim=1,
                embeddings_initializer="zeros",
                embedding_l2=embedding_l2,
                code_embedding=code_embedding,
                numeric_bias=False,
                dtype="float32",  # one number each: nothing to gain, bits to lose
                name="linear",
            )
        with built_in("float32"):
            self.task = tfrs.tasks.Ranking(
                loss=keras.losses.BinaryCrossentropy(
                    from_logits=True, reduction=keras.losses.Reduction.NONE
                ),
                loss_metrics=[keras.metrics.Mean(name="logloss")],
            )

    def build(self, input_shape: Any = None) -> None:
        """Creates the weights; the schema alone tells their shapes."""
        batch = self.schema.example_batch()
        with built_in(self.dtype_policy.name):  # some layers make others when built
            self.call({name: tf.constant(values) for name, values in batch.items()})
        self.built = True

    def get_build_config(self) -> dict[str, Any]:
        """What `build_from_config` needs, which is nothing, once there are weights."""
        return {"weights": self.built}

    def build_from_config(self, config: dict[str, Any]) -> None:
        """Creates the weights that a file is about to fill."""
        if config["weights"]:
            self.build()

    def call(
        self, features: Mapping[str, tf.Tensor], training: bool | None = None
    ) -> tf.Tensor:
        """Logits of `features`."""
        logits = self.interaction(self.embeddings(features, training=training))
        if logits.shape.rank not in (1, None):
            raise ValueError(
                "An interaction must give one logit an example, [batch]. Received: "
                f"shape {logits.shape} of {type(self.interaction).__name__} "
                f"{self.interaction.name!r}. Let it squeeze its output."
            )
        logits = tf.cast(logits, tf.float32)  # of an interaction of the user's own
        if self.linear:
            logits += tf.reduce_sum(self.linear(features, training=training), [1, 2])
        return logits

    def compute_loss(
        self, inputs: Mapping[str, tf.Tensor], training: bool = False
    ) -> tf.Tensor:
        """Mean binary cross-entropy of a batch, float32 scalar.

        Under a strategy with several replicas, this replica's share of the mean over
        the global batch. If the schema has a weight, the losses are weighted.
        """
        label, weight = self.schema.label, self.schema.weight
        if not isinstance(inputs, Mapping):
            raise ValueError(
                "Batches must be one dictionary of the features, with the label under "
                f"{label!r}. Received: {type(inputs).__name__}."
            )
        for what, key in (("label", label), ("weight", weight)):
            if key is not None and key not in inputs:
                raise ValueError(
                    f"The {what} {key!r} is missing from a batch. "
                    f"Received: {sorted(inputs)}."
                )
        logits = self(inputs, training=training)
        losses = self.task(
            labels=tf.reshape(bounded_column(inputs, label, 1.0), (-1, 1)),
            predictions=tf.reshape(logits, (-1, 1)),
            compute_metrics=weight is None,
        )
        if weight is not None:
            weights = bounded_column(inputs, weight, tf.float32.max)
            (logloss,) = self.task.metrics
            logloss.update_state(losses, sample_weight=weights)
            losses *= weights
        return global_mean(losses)

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        embeddings = self.embeddings.get_config()
        return {
            "name": self.name,
            "dtype": self.dtype_policy.name,
            "interaction": keras.layers.serialize(self.interaction),
            **{
                key: embeddings[key]
                for key in (
                    "schema",
                    "fusion",
                    "embedding_dim",
                    "embeddings_initializer",
                    "embedding_l2",
                    "code_embedding",
                    "code_tables",
                )
            },
        }

    @classmethod
    def from_config(
        cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None
    ) -> "Ranker":
        """The model that `get_config` described, with new weights.

        It computes in the precision that it was described in, whatever Keras' own
        policy is now.
        """
        precision = config.get("dtype", "float32")
        scope = keras.utils.custom_object_scope(custom_objects or {})
        with scope, built_in(precision):
            return cls(**{**config, "schema": Schema.from_config(config["schema"])})


def make_ranker(
    interaction: Any, schema: Schema, fusion: Any = "self_gating", **options: Any
) -> Ranker:
    """A ranker by name.

    Example:
      >>> user, codes = CategoricalFeature("user", 1000), CodeFeature("codes", 7, 256)
      >>> schema = Schema((user, codes))
      >>> model = make_ranker("dcn_v2", schema, fusion="self_gating")

    Args:
      interaction: "autoint_plus", "dcn_v2", "deepfm", "dlrm", "fmfm", "ipnn" or
        "xdeepfm" with its default settings, or a layer, such as
        `DCNv2(num_cross_layers=2)`.
      schema: the features and the label.
      fusion: of the code embeddings, such as "self_gating" or "none"; see
        `moc_tf.ranking.fusion.get`.
      **options: further arguments of `Ranker`.

    Raises:
      ValueError: if a name is unknown; the message lists the known ones.
    """
    return Ranker(schema, interaction, fusion, **options)
