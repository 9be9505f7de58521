"""Rankers against twins: the papers' formulas in float64, term by term."""

import math

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_recommenders as tfrs

from moc_tf.data.schema import CategoricalFeature, CodeFeature, Schema
from moc_tf.ranking import (
    DLRM,
    IPNN,
    AutoIntPlus,
    DCNv2,
    DeepFM,
    FmFM,
    XDeepFM,
    make_ranker,
)


def array(weight):
    return weight.numpy().astype(np.float64)


def dot(a, b):
    return sum(x * y for x, y in zip(a, b, strict=True))


def affine(x, kernel, bias):
    """x W + b, one output at a time."""
    return [
        dot(x, [row[unit] for row in kernel]) + bias[unit]
        for unit in range(len(kernel[0]))
    ]


def relu(x):
    return [max(value, 0.0) for value in x]


def mlp(x, block):
    """ReLU layers: the Dense ones of a block, in the order in which they were made."""
    for dense in block._sublayers:
        x = relu(affine(x, *map(array, dense.weights)))
    return x


def logit_mlp(x, layer):
    hidden = mlp(x, layer.hidden) if layer.hidden_units else x
    return affine(hidden, *map(array, layer.output_unit.weights))[0]


def concat(vectors):
    return [value for vector in vectors for value in vector]


def cross(x0, x, kernel, bias):
    """x_0 * (W x + b) + x, with W the transpose of Keras' kernel."""
    size = len(x0)
    return [
        x0[row] * (sum(kernel[col][row] * x[col] for col in range(size)) + bias[row])
        + x[row]
        for row in range(size)
    ]


def dcn_v2(layer, fields):
    x0 = x = concat(fields)
    for each in layer.cross:
        if layer.projection_dim:
            down, up, bias = map(array, each.weights)
            kernel = [
                [dot(down[i], up[:, j]) for j in range(len(x))] for i in range(len(x))
            ]
        else:
            kernel, bias = map(array, each.weights)
        x = cross(x0, x, kernel, bias)
    if layer.structure == "parallel":
        joined = concat([x, mlp(x0, layer.mlp)])
    else:
        joined = mlp(x, layer.mlp)
    return affine(joined, *map(array, layer.output_unit.weights))[0]


def deepfm(layer, fields):
    pairs = 0.0
    for i in range(len(fields)):
        for j in range(i):
            pairs += dot(fields[i], fields[j])
    return array(layer.bias) + pairs + logit_mlp(concat(fields), layer.mlp)


def attend(layer, fields):
    named = {
        name: kernel
        for kernel in layer.weights
        for name in ("query", "key", "value", "residual")
        if f"/{name}:" in kernel.name
    }
    zeros = [0.0] * layer.attention_dim

    def project(name, x):
        return affine(x, array(named[name]), zeros)

    size = layer.attention_dim // layer.num_heads
    outputs = []
    for one in fields:
        mixed = []
        for head in range(layer.num_heads):
            part = slice(head * size, (head + 1) * size)
            query = project("query", one)[part]
            odds = [
                math.exp(dot(query, project("key", other)[part])) for other in fields
            ]
            values = [project("value", other)[part] for other in fields]
            mixed += [
                sum(o * value[s] for o, value in zip(odds, values, strict=True))
                / sum(odds)
                for s in range(size)
            ]
        kept = project("residual", one) if "residual" in named else one
        outputs.append(relu([m + k for m, k in zip(mixed, kept, strict=True)]))
    return outputs


def autoint_plus(layer, fields):
    attended = fields
    for each in layer.attention:
        attended = attend(each, attended)
    explicit = affine(concat(attended), *map(array, layer.output_unit.weights))[0]
    return explicit + logit_mlp(concat(fields), layer.mlp)


def xdeepfm(layer, fields):
    vectors, sums = fields, []
    for compress in layer.cin.compress:
        kernel = array(compress.kernel).reshape(len(vectors), len(fields), -1)
        new = []
        for unit in range(kernel.shape[-1]):
            total = [0.0] * len(fields[0])
            for i, vector in enumerate(vectors):
                for j, field in enumerate(fields):
                    for s in range(len(total)):
                        total[s] += kernel[i, j, unit] * vector[s] * field[s]
            new.append(total)
        vectors = new
        sums += [sum(vector) for vector in vectors]
    explicit = dot(sums, array(layer.output_unit.kernel)[:, 0])
    return explicit + logit_mlp(concat(fields), layer.mlp)


def fmfm(layer, fields):
    matrices = iter(array(layer.matrices))
    logit = array(layer.bias)
    for i in range(len(fields)):
        for j in range(i + 1, len(fields)):
            matrix = next(matrices)
            logit += dot(
                affine(fields[i], matrix, [0.0] * len(fields[i])), list(fields[j])
            )
    assert next(matrices, None) is None
    return logit


def products(fields):
    return [dot(fields[i], fields[j]) for i in range(len(fields)) for j in range(i)]


def ipnn(layer, fields):
    return logit_mlp(concat([*fields, products(fields)]), layer.mlp)


def dlrm(layer, fields):
    if layer.joined_fields is None:
        return logit_mlp(products([array(layer.constant), *fields]), layer.mlp)
    joined = [fields[position] for position in layer.joined_fields]
    return logit_mlp(concat([*joined, products(fields)]), layer.mlp)


HIDDEN = (5, 4)
CASES = {
    "dcn_v2": (lambda: DCNv2(3, HIDDEN), dcn_v2),
    "dcn_v2 stacked": (lambda: DCNv2(2, HIDDEN, "stacked"), dcn_v2),
    "dcn_v2 of rank 2": (lambda: DCNv2(2, HIDDEN, projection_dim=2), dcn_v2),
    "deepfm": (lambda: DeepFM(HIDDEN), deepfm),
    "autoint_plus": (lambda: AutoIntPlus(2, 6, 3, HIDDEN), autoint_plus),
    "autoint_plus of size d": (lambda: AutoIntPlus(1, 4, 2, ()), autoint_plus),
    "xdeepfm": (lambda: XDeepFM((3, 2, 4), HIDDEN), xdeepfm),
    "xdeepfm of one layer": (lambda: XDeepFM((3,), ()), xdeepfm),
    "fmfm": (FmFM, fmfm),
    "ipnn": (lambda: IPNN(HIDDEN), ipnn),
    "dlrm": (lambda: DLRM(hidden_units=HIDDEN), dlrm),
    "dlrm of products": (lambda: DLRM((), hidden_units=HIDDEN), dlrm),
    "dlrm of two fields": (lambda: DLRM((1, 0), hidden_units=HIDDEN), dlrm),
}
LINEAR = {"deepfm", "autoint_plus", "xdeepfm", "fmfm"}


def with_random_weights(layer, inputs, seed=1):
    """Builds `layer` and moves all its weights, biases too, away from zero."""
    layer(inputs)
    rng = np.random.default_rng(seed)
    for weight in layer.weights:
        weight.assign(rng.normal(scale=0.5, size=weight.shape))
    return layer


def random_embeddings(batch, num_fields, dim, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(batch, num_fields, dim)).astype(np.float32)


@pytest.mark.parametrize(
    ("case", "num_fields"),
    [
        (case, num_fields)
        for case in CASES
        for num_fields in (1, 2, 5)
        if num_fields > 1 or not case.startswith(("fmfm", "dlrm of"))
    ],
)
def test_logits_equal_the_formula(case, num_fields):
    make, twin = CASES[case]
    embeddings = random_embeddings(3, num_fields, 4)
    layer = with_random_weights(make(), embeddings)
    expected = [twin(layer, fields) for fields in embeddings.astype(np.float64)]
    np.testing.assert_allclose(layer(embeddings), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("case", [case for case in CASES if " " not in case])
def test_a_ranker_adds_the_linear_term_where_the_paper_has_one(case):
    make, twin = CASES[case]
    schema = Schema(
        (
            CategoricalFeature("user", 5),
            CategoricalFeature("brand", 3),
            CodeFeature("codes", num_codebooks=2, codebook_size=4),
        )
    )
    rng = np.random.default_rng(3)
    batch = {
        "user": rng.integers(0, 5, 4),
        "brand": rng.integers(0, 3, 4),
        "codes": rng.integers(-1, 4, (4, 2)),
    }
    ranker = with_random_weights(
        make_ranker(make(), schema, fusion="none", embedding_dim=4), batch
    )
    fields = array(ranker.embeddings(batch))
    expected = np.array([twin(ranker.interaction, example) for example in fields])
    if case in LINEAR:
        table, codes = (
            array(ranker.linear.fields.embeddings)[:, 0],
            array(ranker.linear.codes.embeddings)[:, 0],
        )
        for row in range(4):
            expected[row] += table[batch["user"][row]] + table[5 + batch["brand"][row]]
            for place, code in enumerate(batch["codes"][row]):
                expected[row] += codes[5 * place + 1 + code]
    np.testing.assert_allclose(ranker(batch), expected, rtol=1e-5, atol=1e-5)


def test_a_cross_layer_equals_its_formula():
    rng = np.random.default_rng(4)
    x0, x = (rng.normal(size=(2, 3)).astype(np.float32) for _ in range(2))
    layer = tfrs.layers.dcn.Cross()
    layer(x0, x)
    kernel, bias = rng.normal(size=(3, 3)), rng.normal(size=3)
    layer.set_weights([kernel, bias])
    expected = [cross(*rows, kernel, bias) for rows in zip(x0, x, strict=True)]
    np.testing.assert_allclose(layer(x0, tf.constant(x)), expected, rtol=1e-5)
