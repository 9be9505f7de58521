"""What codes alone tell: how even, distinct, redundant and stable they are."""

import dataclasses
import itertools
import math

import numpy as np

# More rows change no figure that is worth reading, and all pairs of codebooks are
# gone through. The adjusted index also sums over all pairs of codes.
_NMI_ROWS = 100_000
_AMI_ROWS = 20_000
# Up to so many pairs of codes are counted in a table of all of them: at 256 codes in a
# sixth of the time of scikit-learn's sparse one, here in no more.
_TABLE_PAIRS = 2**22
_SEED = 0  # of the rows that are sampled, and of the shuffling that shows chance


def perplexity(counts: np.ndarray) -> np.ndarray:
    """exp(entropy) of code usage: K when all codes are used alike, 1 for a single one.

    Args:
      counts: uses of each code, [N, K].

    Returns:
      float64 [N]; NaN for a codebook without any use.
    """
    with np.errstate(invalid="ignore"):
        share = counts / counts.sum(axis=-1, keepdims=True)
    logs = np.log(share, out=np.zeros_like(share), where=share > 0)
    return np.exp(-np.sum(share * logs, axis=-1))


def code_usage(codes: np.ndarray, codebook_size: int) -> np.ndarray:
    """Uses of each code: int64 [N, K], of codes [items, N] in [0, K)."""
    return np.stack([np.bincount(c, minlength=codebook_size) for c in codes.T])


@dataclasses.dataclass(frozen=True)
class CodeStatistics:
    """Figures of one code set, from its codes alone.

    A bucket is the items that have all N codes in common; "tuple" is the N codes.
    NMI is the mutual information of two codebooks' codes over the mean of their
    entropies, on at most 100,000 items. It is 1 where each tells the other, so also
    of two codebooks that use a single code each, and 0 of such a one and another. For
    unrelated codebooks it is above 0, the more so the fewer items there are for a pair
    of codes: read it beside its chance level.

    Attributes:
      items: rows that were measured.
      usage: share of each codebook's codes that are used, N values in (0, 1].
      perplexity: of each codebook's usage, N values in [1, K].
      dead_codes: codes of each codebook that no item has, N values in [0, K).
      unique_codes: share of items whose N codes together no other item has.
      distinct_tuples: number of buckets.
      mean_bucket: items of a bucket, on average.
      largest_bucket: items of the largest.
      items_by_bucket: items in buckets of 1, of 2 and 3, of 4 to 7, and so on by
        powers of two; they add up to `items`.
      pairwise_nmi: NMI of each pair of codebooks, [N, N]; 1 on the diagonal.
      mean_nmi: mean off its diagonal, the codebooks' redundancy; None where N is 1.
      chance_nmi: what `mean_nmi` is after each codebook's codes were dealt out to the
        items anew; None where N is 1.
    """

    items: int
    usage: tuple[float, ...]
    perplexity: tuple[float, ...]
    dead_codes: tuple[int, ...]
    unique_codes: float
    distinct_tuples: int
    mean_bucket: float
    largest_bucket: int
    items_by_bucket: tuple[int, ...]
    pairwise_nmi: tuple[tuple[float, ...], ...]
    mean_nmi: float | None
    chance_nmi: float | None


def measure_codes(codes: np.ndarray, codebook_size: int) -> CodeStatistics:
    """Measures codes.

    Args:
      codes: integers in [0, K), [items, N], of at least one item.
      codebook_size: K.

    Raises:
      ValueError: if the codes are not as above, such as the -1 of items that have
        none.
    """
    codes = _checked(codes, codebook_size)
    counts = code_usage(codes, codebook_size)
    buckets = _bucket_sizes(codes)
    by_power = np.bincount(np.frexp(buckets)[1] - 1, weights=buckets)
    sample = codes[_sampled_rows(len(codes), _NMI_ROWS)]
    nmi = _pairwise_nmi(sample)
    chance = _pairwise_nmi(_dealt_out(sample))
    return CodeStatistics(
        items=len(codes),
        usage=tuple(np.mean(counts > 0, axis=1).tolist()),
        perplexity=tuple(perplexity(counts).tolist()),
        dead_codes=tuple(np.sum(counts == 0, axis=1).tolist()),
        unique_codes=float(np.sum(buckets == 1) / len(codes)),
        distinct_tuples=len(buckets),
        mean_bucket=len(codes) / len(buckets),
        largest_bucket=int(buckets.max()),
        items_by_bucket=tuple(by_power.astype(int).tolist()),
        pairwise_nmi=_as_rows(nmi),
        mean_nmi=_off_diagonal_mean(nmi),
        chance_nmi=_off_diagonal_mean(chance),
    )


@dataclasses.dataclass(frozen=True)
class CodeStability:
    """How far two code sets of the same items, such as of two seeds, say the same.

    Codebooks have no order, so each of the first set is matched with one of the
    second, for the largest sum of NMI.

    Attributes:
      items: rows that were compared.
      nmi: NMI of each codebook of the first set with each of the second, [N, N].
      matches: codebook of the second set that is matched with each of the first.
      mean_nmi: mean NMI of the matched codebooks; 1 if all are the same up to names.
      chance_nmi: what `mean_nmi` is after the second set's rows were dealt out to the
        items anew; above 0.
      mean_ami: mean adjusted mutual information of the matched codebooks, on at most
        20,000 items; 1 as for NMI, and 0 on average for codebooks that are unrelated.
    """

    items: int
    nmi: tuple[tuple[float, ...], ...]
    matches: tuple[int, ...]
    mean_nmi: float
    chance_nmi: float
    mean_ami: float


def measure_stability(codes: np.ndarray, other: np.ndarray) -> CodeStability:
    """Compares two code sets of the same items, in the same order.

    Args:
      codes: integers of at least 0, [items, N], of at least one item.
      other: the same of the other code set; its codebooks may have another size.

    Raises:
      ValueError: if the codes are not as above, or the shapes differ.
    """
    from sklearn.metrics import adjusted_mutual_info_score

    codes, other = _checked(codes), _checked(other)
    if codes.shape != other.shape:
        raise ValueError(
            "Stability compares as many codes of the same items. Received: shapes "
            f"{list(codes.shape)} and {list(other.shape)}."
        )
    rows = _sampled_rows(len(codes), _NMI_ROWS)
    first, second = codes[rows], other[rows]
    nmi = _nmi(first, second)
    matches = _best_matches(nmi)
    chance = _nmi(first, np.random.default_rng(_SEED).permutation(second))
    rows = _sampled_rows(len(codes), _AMI_ROWS)
    ami = [
        adjusted_mutual_info_score(codes[rows, n], other[rows, match])
        for n, match in enumerate(matches)
    ]
    codebooks = np.arange(len(matches))
    return CodeStability(
        items=len(codes),
        nmi=_as_rows(nmi),
        matches=tuple(matches.tolist()),
        mean_nmi=float(nmi[codebooks, matches].mean()),
        chance_nmi=float(chance[codebooks, _best_matches(chance)].mean()),
        mean_ami=float(np.mean(ami)),
    )


def _checked(codes: np.ndarray, codebook_size: int | None = None) -> np.ndarray:
    """`codes` in the smallest unsigned type that holds them."""
    codes = np.asarray(codes)
    if codes.ndim != 2 or not codes.size or codes.dtype.kind not in "iu":
        raise ValueError(
            "Codes must be integers [items, N] of at least one item and codebook. "
            f"Received: {codes.dtype} {list(codes.shape)}."
        )
    least, largest = int(codes.min()), int(codes.max())
    if least < 0 or (codebook_size is not None and largest >= codebook_size):
        wanted = (
            "be at least 0" if codebook_size is None else f"lie in [0, {codebook_size})"
        )
        raise ValueError(
            f"Codes must {wanted}. Received: values from {least} to {largest}. Leave "
            "out items that have no codes."
        )
    return codes.astype(np.min_scalar_type(largest))


def _bucket_sizes(codes: np.ndarray) -> np.ndarray:
    """Items of each distinct row of `codes`, in no order that matters."""
    # As strings of bytes, rows sort several times faster than by np.unique(axis=0).
    # The zeros that such strings lose at the end tell rows of one length apart still.
    width = codes.shape[1] * codes.itemsize
    rows = np.ascontiguousarray(codes).view(f"S{width}").ravel()
    return np.unique(rows, return_counts=True)[1]


def _sampled_rows(items: int, limit: int) -> np.ndarray | slice:
    if items <= limit:
        return slice(None)
    chosen = np.random.default_rng(_SEED).choice(items, limit, replace=False)
    return np.sort(chosen)


def _dealt_out(codes: np.ndarray) -> np.ndarray:
    """Each codebook's codes in a random order of their own."""
    return np.random.default_rng(_SEED).permuted(codes, axis=0)


def _nmi(codes: np.ndarray, other: np.ndarray) -> np.ndarray:
    """NMI of each codebook of `codes` with each of `other`, float64 [N, M]."""
    return np.array([[_nmi_of_pair(a, b) for b in other.T] for a in codes.T])


def _nmi_of_pair(a: np.ndarray, b: np.ndarray) -> float:
    """NMI of two codebooks' codes, [items] each."""
    from scipy.stats import entropy
    from sklearn.metrics import mutual_info_score, normalized_mutual_info_score

    shape = int(a.max()) + 1, int(b.max()) + 1
    if math.prod(shape) > _TABLE_PAIRS:
        return normalized_mutual_info_score(a, b)
    pairs = np.ravel_multi_index((a, b), shape)
    table = np.bincount(pairs, minlength=math.prod(shape)).reshape(shape)
    mean_entropy = (entropy(table.sum(axis=1)) + entropy(table.sum(axis=0))) / 2
    if not mean_entropy:
        return 1.0
    return mutual_info_score(None, None, contingency=table) / float(mean_entropy)


def _pairwise_nmi(codes: np.ndarray) -> np.ndarray:
    """NMI of each pair of codebooks, float64 [N, N]."""
    nmi = np.eye(codes.shape[1])
    for a, b in itertools.combinations(range(len(nmi)), 2):
        nmi[a, b] = nmi[b, a] = _nmi(codes[:, [a]], codes[:, [b]]).item()
    return nmi


def _off_diagonal_mean(matrix: np.ndarray) -> float | None:
    if len(matrix) == 1:
        return None
    return float(matrix[~np.eye(len(matrix), dtype=bool)].mean())


def _best_matches(nmi: np.ndarray) -> np.ndarray:
    """Column that is assigned to each row, for the largest sum."""
    from scipy.optimize import linear_sum_assignment

    return linear_sum_assignment(nmi, maximize=True)[1]


def _as_rows(matrix: np.ndarray) -> tuple[tuple[float, ...], ...]:
    return tuple(map(tuple, matrix.tolist()))
