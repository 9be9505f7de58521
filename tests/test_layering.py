"""Imports run one way. This reads them, those inside functions too."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]

# A part may import itself and the parts of lower levels; so parts of equal level
# never import one another.
LEVELS = {
    "experiments": 7,
    "training": 6,
    "indexing": 5,
    "ranking": 5,
    "evaluation": 5,
    "data": 4,
    "code_table": 3,
    "code_table_files": 2,
    "code_statistics": 2,
    "code_table_parts": 1,
    "code_provenance": 1,
    "code_arrays": 1,
    "dense": 1,
    "fit_checkpoint": 1,
    "fused_adam": 1,
    "_artefact": 0,
    "array_tensor": 0,
    "cores": 0,
    "global_batch": 0,
    "identifiers": 0,
    "_keras": 0,
}
VAGUE_NAMES = {"utils", "util", "helpers", "helper", "common", "misc"}
# Loading TensorFlow Datasets takes seconds, which only those who use it shall wait.
TFDS_BUILDER = "moc_tf.data.amazon"
# Apache Beam is for those alone who encode a catalogue on it.
BEAM_MODULES = "moc_tf.indexing.beam_"


class Import(NamedTuple):
    target: str  # the module, and the name where there is one
    at_top: bool  # outside any function
    line: int


def modules(root: Path) -> Iterator[tuple[str, Path]]:
    """Dotted name and file of each module of the two trees."""
    for tree in ("moc_tf", "experiments"):
        for path in sorted((root / tree).rglob("*.py")):
            parts = path.relative_to(root).with_suffix("").parts
            yield ".".join(p for p in parts if p != "__init__"), path


def imports(module: str, path: Path) -> Iterator[Import]:
    package = module.split(".")
    if path.name != "__init__.py":
        package.pop()

    def visit(node: ast.AST, at_top: bool) -> Iterator[Import]:
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(alias.name, at_top, node.lineno)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            origin = [*base, node.module] if node.module else base
            for alias in node.names:
                yield Import(".".join([*origin, alias.name]), at_top, node.lineno)
        elif isinstance(node, ast.Attribute) and ast.unparse(node) == "tf.keras":
            yield Import("tensorflow.keras", at_top, node.lineno)
        function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for child in ast.iter_child_nodes(node):
            yield from visit(child, at_top and not function)

    yield from visit(ast.parse(path.read_text(encoding="utf-8")), at_top=True)


def is_within(target: str, module: str) -> bool:
    return target == module or target.startswith(module + ".")


def part_of(name: str) -> str:
    """The part that a module, or a name in one, belongs to; "moc_tf" for the front."""
    first, _, rest = name.partition(".")
    return first if first == "experiments" or not rest else rest.split(".")[0]


def fault(module: str, found: Import) -> str | None:
    """What is wrong with an import, if anything."""
    target = found.target
    if is_within(target, "absl.flags") and not is_within(module, "experiments"):
        return "only binaries read flags"
    if module != "moc_tf._keras" and any(
        is_within(target, keras) for keras in ("keras", "tf_keras", "tensorflow.keras")
    ):
        return "keras comes from moc_tf._keras"
    if not module.startswith(BEAM_MODULES):
        if is_within(target, "apache_beam"):
            return f"only {BEAM_MODULES}* import Beam"
        if found.at_top and target.startswith(BEAM_MODULES):
            return "it needs Apache Beam: import it where it is used"
    if found.at_top:
        if is_within(target, "tensorflow_datasets") and module != TFDS_BUILDER:
            return f"only {TFDS_BUILDER} imports it at its top"
        if is_within(target, TFDS_BUILDER):
            return "it loads TensorFlow Datasets: import it where it is used"
    if part_of(target) != "experiments" and not is_within(target, "moc_tf"):
        return None
    if target == "moc_tf.__version__":
        return None
    here, there = part_of(module), part_of(target)
    if here == "moc_tf":  # the front offers all of the package
        return "experiments are not part of it" if there == "experiments" else None
    if there == "moc_tf":
        return None if here == "experiments" else "it opens every part to this one"
    if here == there:
        return None
    if LEVELS.get(there, len(LEVELS)) < LEVELS.get(here, -1):
        return None
    return f"{here} must not import {there}"


def faults(root: Path) -> list[str]:
    found = []
    for module, path in modules(root):
        where = path.relative_to(root).as_posix()
        if vague := VAGUE_NAMES & set(module.split(".")):
            found.append(f"{where}: {vague.pop()!r} does not say what is in it")
        part = part_of(module)
        if part not in LEVELS and part != "moc_tf":
            found.append(f"{where}: {part} has no level in {Path(__file__).name}")
        for each in imports(module, path):
            if wrong := fault(module, each):
                found.append(f"{where}:{each.line}: {each.target}: {wrong}")
    return found


def test_imports_run_one_way():
    assert faults(ROOT) == []


def test_every_part_is_there_and_read():
    files = dict(modules(ROOT))
    assert {part_of(module) for module in files} == {"moc_tf", *LEVELS}

    def targets(module):
        return {found.target for found in imports(module, files[module])}

    assert "moc_tf.code_table.CodeTable" in targets("moc_tf.data.schema")
    assert "moc_tf.data.amazon.load_prepared" in targets("moc_tf.data.amazon_files")
    assert "tensorflow_datasets" in targets(TFDS_BUILDER)


@pytest.mark.parametrize(
    ("file", "source", "wrong"),
    [
        ("data/x.py", "from moc_tf.ranking import Ranker", "data must not import rank"),
        ("data/x.py", "from moc_tf import indexing", "data must not import indexing"),
        ("data/x.py", "from ..training.y import z", "data must not import training"),
        ("data/__init__.py", "from .. import evaluation", "not import evaluation"),
        ("ranking/x.py", "import moc_tf.indexing.y", "ranking must not import index"),
        ("indexing/x.py", "from moc_tf.ranking import y", "indexing must not import"),
        ("evaluation/x.py", "from moc_tf.indexing import y", "not import indexing"),
        ("ranking/x.py", "def f():\n  from moc_tf.evaluation import y", "py:2: moc_tf"),
        ("ranking/x.py", "class A:\n  def f(self):\n    import moc_tf.training", ":3:"),
        ("code_table.py", "from moc_tf.data.schema import Schema", "code_table must"),
        ("identifiers.py", "from moc_tf._artefact import y", "identifiers must not"),
        ("_artefact.py", "from moc_tf.code_table import CodeTable", "_artefact must"),
        ("data/x.py", "import moc_tf", "it opens every part to this one"),
        ("data/x.py", "from moc_tf import CodeTable", "data must not import CodeTable"),
        ("data/x.py", "import experiments.settings", "data must not import experiment"),
        ("training/x.py", "from experiments import y", "not import experiments"),
        ("__init__.py", "import experiments", "experiments are not part of it"),
        ("new.py", "", "new has no level"),
        ("new.py", "from moc_tf.identifiers import preview", "new must not import"),
        ("ranking/x.py", "from absl import flags", "only binaries read flags"),
        ("ranking/x.py", "from absl.flags import DEFINE_bool", "only binaries read"),
        ("ranking/x.py", "import tf_keras.layers", "keras comes from moc_tf._keras"),
        ("ranking/x.py", "from tensorflow import keras", "keras comes from"),
        (
            "ranking/x.py",
            "def f(x):\n  return tf.keras.layers.Dense(1)",
            "py:2: tensor",
        ),
        ("data/x.py", "import tensorflow_datasets as tfds", "imports it at its top"),
        ("data/x.py", "try:\n  import tensorflow_datasets\nfinally: 1", "at its top"),
        ("data/x.py", "from moc_tf.data.amazon import y", "import it where it is used"),
        ("data/x.py", "from .amazon import y", "import it where it is used"),
        (
            "indexing/x.py",
            "def f():\n  import apache_beam.io",
            "moc_tf.indexing.beam_*",
        ),
        ("indexing/x.py", "from .beam_x import f", "it needs Apache Beam: import it"),
        ("data/helpers.py", "", "'helpers' does not say what is in it"),
        ("ranking/utils/x.py", "", "'utils' does not say what is in it"),
        ("../experiments/common.py", "", "'common' does not say what is in it"),
    ],
)
def test_a_wrong_import_or_name_is_found(tmp_path, file, source, wrong):
    write(tmp_path, file, source)
    assert wrong in "\n".join(faults(tmp_path))


@pytest.mark.parametrize(
    ("file", "source"),
    [
        ("data/x.py", "from moc_tf import __version__"),
        ("data/x.py", "from moc_tf.code_table import CodeTable"),
        ("data/x.py", "from .interactions import Catalogue\nfrom . import splits"),
        ("data/x.py", "def f():\n  import tensorflow_datasets"),
        ("data/x.py", "def f():\n  from moc_tf.data.amazon import y"),
        ("data/x.py", "from moc_tf.data.amazon_files import y"),
        ("data/amazon.py", "import tensorflow_datasets as tfds"),
        ("ranking/x.py", "import tensorflow as tf\nfrom moc_tf._keras import keras"),
        ("training/x.py", "from moc_tf import indexing\nimport moc_tf.ranking.x"),
        ("_keras.py", "from tensorflow import keras"),
        ("indexing/beam_x.py", "import apache_beam\nfrom .beam_y import f"),
        ("../experiments/x.py", "def f():\n  from moc_tf.indexing.beam_x import g"),
        ("__init__.py", "from moc_tf import data, training"),
        ("../experiments/x.py", "from absl import flags\nimport moc_tf"),
        ("../experiments/x.py", "from experiments import y\nfrom . import z"),
    ],
)
def test_right_imports_pass(tmp_path, file, source):
    write(tmp_path, file, source)
    assert faults(tmp_path) == []


def write(root, file, source):
    path = (root / "moc_tf" / file).resolve()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(source)
