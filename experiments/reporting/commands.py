"""The commands that run a cell, or a suite, again."""

import shlex
from collections.abc import Sequence

from experiments.reporting.grid import Cell

_DEFAULT_FUSION = "self_gating"
_WITH_GIVEN_TABLES = ("true_factors", "given_codes")
# Parts of a variant -> flag of `experiments.train_ranker`.
_FLAGS = {
    **{
        name: f"--variant={name}"
        for name in (
            *("diverse", "concatenated", "per_codebook", "shared_latent"),
            "shuffled",
        )
    },
    "ngram": "--code_embedding=ngram",
    "prefix": "--code_embedding=prefix",
    "codebooks": "--code_start=codebooks",
    "frozen": "--code_tables=frozen",
}
_NUMBERS = ("ngram_size", "num_buckets", "code_start_stddev")


def command_of(cell: Cell, seeds: Sequence[int]) -> str | None:
    """What to type to run a cell again, from the top of the repository.

    Args:
      cell: which one.
      seeds: of the cell; the command runs all from 0 to the largest of them.

    Returns:
      The command, or None where there is none: of validation results, of code tables
      that were given, and of a variant that `experiments.train_ranker` lacks.
    """
    setting, model, configuration = cell
    if setting.split != "test" or configuration.method in _WITH_GIVEN_TABLES:
        return None
    num_seeds = max(seeds, default=0) + 1
    data_dir = (
        ["--data_dir=/path/to/amazon2014"]
        if setting.dataset.startswith("amazon/")
        else []
    )
    variant = _variant_flags(configuration.variant)
    if variant is None:
        return None
    arguments = [
        "experiments.train_ranker",
        f"--dataset={setting.dataset}",
        *data_dir,
        f"--protocol={setting.protocol}",
        f"--model={model}",
        f"--methods={configuration.method}",
    ]
    if configuration.method not in ("none", "vq"):
        arguments.append(f"--num_codes={configuration.num_codes}")
    if configuration.has_fusion and configuration.fusion != _DEFAULT_FUSION:
        arguments.append(f"--fusion={configuration.fusion}")
    arguments += [*variant, f"--seeds={num_seeds}", "--workdir=runs/again"]
    return shlex.join(["python", "-m", *arguments])


def suite_command(suite: str, num_seeds: int) -> str:
    """What to type to run a suite, from the top of the repository."""
    return (
        f"python -m experiments.reproduce --suite={suite} "
        "--data_dir=/path/to/amazon2014 --workdir=runs/evidence "
        f"--seeds={num_seeds} --num_workers=2"
    )


def _variant_flags(variant: str) -> list[str] | None:
    flags = []
    for part in variant.split("+") if variant else ():
        name, _, number = part.partition("=")
        if part in _FLAGS:
            flags.append(_FLAGS[part])
        elif name in _NUMBERS and number:
            flags.append(f"--{part}")
        else:
            return None
    return flags
