"""What comes out of one run: its row of results.jsonl, and more."""

from collections.abc import Mapping, Sequence
from typing import Any

from moc_tf.evaluation import information_abundance
from moc_tf.training.environment import package_versions, peak_rss_mb
from moc_tf.training.ranker_trainer import TrainedRanker


def run_result(
    asked: Mapping[str, Any], data_sha256: str, trained: TrainedRanker
) -> dict[str, Any]:
    """The result of a run, as result.json holds it.

    Args:
      asked: what the run was, the first entries of its row.
      data_sha256: checksum of the data.
      trained: its outcome. The metrics are those of the test part if it was read, and
        else of the validation part.
    """
    evaluation = trained.test or trained.validation
    row = {
        **asked,
        **evaluation.to_row(),
        "validation_auc": trained.validation.all_items.auc,
        "best_epoch": trained.best_epoch,
        "num_epochs": trained.num_epochs,
        **_of_spectrum(trained.code_spectrum),
        "num_parameters": trained.num_parameters,
        "train_seconds": round(trained.train_seconds, 3),
        "examples_per_second": round(trained.examples_per_second, 1),
        "peak_rss_mb": round(peak_rss_mb(), 1),
        "data_sha256": data_sha256,
        "package_versions": package_versions(),
    }
    return {"row": row, "validation": trained.validation, "test": trained.test}


def _of_spectrum(spectrum: Sequence[float] | None) -> dict[str, Any]:
    """Nothing without codes; no abundance where all their embeddings are zero."""
    abundance = information_abundance(spectrum) if spectrum and spectrum[0] else None
    rounded = None if spectrum is None else [float(f"{s:.6g}") for s in spectrum]
    return {"information_abundance": abundance, "code_spectrum": rounded}
