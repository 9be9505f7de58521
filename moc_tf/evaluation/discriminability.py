"""Discriminability: what codes tell of clusters of the vectors, and of clicks."""

import dataclasses
import math

import numpy as np
import numpy.typing as npt

_DEALS = 20  # times that codes are dealt out to show chance


@dataclasses.dataclass(frozen=True)
class ClusterAgreement:
    """How far codes and clusters of the same items say the same.

    The joint code is all N codes of an item taken as one. NMI is the mutual
    information over the mean of the entropies. It rises with the mere number of
    different codes: a joint code that no two items share tells every cluster. AMI is
    corrected for that, so that such a code has 0, as unrelated ones have on average.

    Attributes:
      cluster_nmi: mean over the N code sets, in [0, 1].
      cluster_ami: the same of AMI, at most 1.
      joint_cluster_nmi: of the joint code.
      joint_cluster_ami: the same of AMI.
    """

    cluster_nmi: float
    cluster_ami: float
    joint_cluster_nmi: float
    joint_cluster_ami: float


@dataclasses.dataclass(frozen=True)
class LabelInformation:
    """I(code; label): bits that an item's code tells of whether a row is a click.

    Plug-in estimates, which are biased upwards, the more so the more codes there are.
    Their chance level is what remains when the codes are dealt out anew to the items
    that have rows; the difference is what codes tell for what they say of items. A
    joint code that no two items share is the item under another name, which dealing
    out does not change: it has no such difference.

    Attributes:
      label_bits: mean over the N code sets.
      chance_label_bits: its chance level.
      extra_label_bits: the difference.
      joint_label_bits: of the joint code, all N codes of an item taken as one.
      joint_chance_label_bits: its chance level.
      joint_extra_label_bits: the difference.
    """

    label_bits: float
    chance_label_bits: float
    extra_label_bits: float
    joint_label_bits: float
    joint_chance_label_bits: float
    joint_extra_label_bits: float


def joint_code(codes: npt.ArrayLike) -> np.ndarray:
    """One number for each distinct row of `codes`: int64 [items], of [items, N]."""
    return np.unique(_checked(codes), axis=0, return_inverse=True)[1].reshape(-1)


def cluster_agreement(
    codes: npt.ArrayLike, clusters: npt.ArrayLike
) -> ClusterAgreement:
    """Compares codes with a clustering of the same items.

    Args:
      codes: integers [items, N], of at least one item.
      clusters: the cluster of each item, integers [items].

    Raises:
      ValueError: if the codes or clusters are not as above.
    """
    from sklearn.metrics import adjusted_mutual_info_score, normalized_mutual_info_score

    sets = _sets_and_joint(codes)
    clusters = np.asarray(clusters)
    if clusters.shape != sets.shape[1:]:
        raise ValueError(
            f"There must be a cluster for each of {sets.shape[1]} items. Received: "
            f"shape {list(clusters.shape)}."
        )
    nmi = [normalized_mutual_info_score(clusters, each) for each in sets]
    ami = [adjusted_mutual_info_score(clusters, each) for each in sets]
    return ClusterAgreement(
        cluster_nmi=float(np.mean(nmi[:-1])),
        cluster_ami=float(np.mean(ami[:-1])),
        joint_cluster_nmi=float(nmi[-1]),
        joint_cluster_ami=float(ami[-1]),
    )


def label_information(
    codes: npt.ArrayLike, item_rows: npt.ArrayLike, labels: npt.ArrayLike, seed: int = 0
) -> LabelInformation:
    """Measures what the codes of items tell of the labels of rows.

    Args:
      codes: integers [items, N], of at least one item.
      item_rows: of each row its item, integers [rows] in [0, items).
      labels: of each row 0 or 1, [rows].
      seed: of the dealing out; the chance level is the mean of 20.

    Raises:
      ValueError: if codes, items or labels are not as above, or there are no rows.
    """
    sets = _sets_and_joint(codes)
    rows, clicks = np.asarray(item_rows), np.asarray(labels)
    _check_rows(rows, clicks, sets.shape[1])
    shape = (2, sets.shape[1])
    flat = np.ravel_multi_index((clicks.astype(np.int64), rows), shape)
    counts = np.bincount(flat, minlength=math.prod(shape)).reshape(shape)
    has_rows = counts.sum(axis=0) > 0
    sets, counts = sets[:, has_rows], counts[:, has_rows]
    found = _label_bits(sets, counts)
    random = np.random.default_rng(seed)
    dealt = (random.permutation(sets, axis=1) for _ in range(_DEALS))
    chance = np.mean([_label_bits(each, counts) for each in dealt], axis=0)
    mean, mean_by_chance = found[:-1].mean(), chance[:-1].mean()
    return LabelInformation(
        label_bits=float(mean),
        chance_label_bits=float(mean_by_chance),
        extra_label_bits=float(mean - mean_by_chance),
        joint_label_bits=float(found[-1]),
        joint_chance_label_bits=float(chance[-1]),
        joint_extra_label_bits=float(found[-1] - chance[-1]),
    )


def _label_bits(sets: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """I(code; label) of each code set, float64 [sets].

    Args:
      sets: codes, [sets, items].
      counts: rows of each item without and with a click, [2, items].
    """
    from sklearn.metrics import mutual_info_score

    tables = (
        np.stack([np.bincount(each, weights=of_label) for of_label in counts], axis=1)
        for each in sets
    )
    nats = [mutual_info_score(None, None, contingency=table) for table in tables]
    return np.array(nats) / math.log(2)


def _sets_and_joint(codes: npt.ArrayLike) -> np.ndarray:
    """The N code sets and, last, the joint code: integers [N + 1, items]."""
    return np.vstack([_checked(codes).T, joint_code(codes)])


def _checked(codes: npt.ArrayLike) -> np.ndarray:
    array = np.asarray(codes)
    if array.ndim != 2 or not array.size or array.dtype.kind not in "iu":
        raise ValueError(
            "Codes must be integers [items, N] of at least one item and code. "
            f"Received: {array.dtype} {list(array.shape)}."
        )
    if array.min() < 0:
        raise ValueError(
            f"Codes must be at least 0. Received: {array.min()}. Leave out items that "
            "have no codes."
        )
    return array


def _check_rows(item_rows: np.ndarray, labels: np.ndarray, items: int) -> None:
    if item_rows.ndim != 1 or not item_rows.size or item_rows.shape != labels.shape:
        raise ValueError(
            "There must be an item and a label for each row, and rows. Received: "
            f"shapes {list(item_rows.shape)} and {list(labels.shape)}."
        )
    if item_rows.dtype.kind not in "iu" or not (
        item_rows.min() >= 0 and item_rows.max() < items
    ):
        raise ValueError(
            f"Items of rows must be integers in [0, {items}). Received: "
            f"{item_rows.dtype} from {item_rows.min()} to {item_rows.max()}."
        )
    if not np.isin(labels, (0, 1)).all():
        raise ValueError(
            f"Labels must be 0 or 1. Received: {np.unique(labels)[:5].tolist()}."
        )
