"""Runs a suite before a person's eyes."""

import collections
import statistics
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from moc_tf.training import CodeOutcome, CodeSuite, Outcome, Run, Suite
from moc_tf.training.suite_runs import settings_apart


def run_suite(suite: Suite, num_workers: int) -> int:
    """Does what is left of `suite`, with a line a run; returns how many runs failed."""
    return _run(suite, num_workers, _line)


def run_code_suite(suite: CodeSuite, num_workers: int) -> int:
    """The same of a suite of codes, with a line a code set."""
    return _run(suite, num_workers, _code_line)


def suite_left(suite: Suite, num_workers: int) -> str:
    """A sentence on what is left of a suite, and how long it takes."""
    rows = suite.finished()

    def kind(run: Run) -> tuple[str, str, str]:
        block = suite.blocks[run.block]
        return block.dataset, block.protocol, block.ranker.model

    took = [(kind(run), row["train_seconds"]) for run, row in rows.items()]
    left = [kind(run) for run in suite.runs if run not in rows]
    told = _told("runs", len(suite.runs), took, left, num_workers)
    return f"{told} Indexers come on top." if took and left else told


def code_suite_left(suite: CodeSuite, num_workers: int) -> str:
    """A sentence on what is left of a suite of codes, and how long it takes."""
    rows = suite.finished()
    took = [(run.name, row["seconds"]) for run, row in rows.items()]
    left = {run[:1] + run[2:]: run.name for run in suite.runs if run not in rows}
    return _told("rows", len(suite.runs), took, left.values(), num_workers)


def _told(
    what: str,
    total: int,
    took: Sequence[tuple[Any, float]],
    left: Iterable[Any],
    num_workers: int,
) -> str:
    """How much is left, and how long it takes by the mean of what is alike.

    Args:
      what: is counted.
      total: of it.
      took: of what is done, its kind and seconds.
      left: kinds of what is to be done.
      num_workers: who share that.
    """
    counted = f"{total} {what}, {len(took)} done, {total - len(took)} left"
    if len(took) == total:
        return f"{counted}."
    if not took:
        return f"{counted}; how long they take shows after the first."
    by_kind = collections.defaultdict(list)
    for kind, seconds in took:
        by_kind[kind].append(seconds)
    of_all = statistics.mean(seconds for _, seconds in took)
    to_go = sum(
        statistics.mean(by_kind[kind]) if kind in by_kind else of_all for kind in left
    )
    return (
        f"{counted}, about {clock(to_go / num_workers)} with {num_workers} workers, by "
        f"the {what} that are done."
    )


def _run(suite: Any, num_workers: int, line: Callable[[Any, Any], str]) -> int:
    resumed = 0
    for outcome in suite.run(num_workers):
        resumed += outcome.resumed
        if not outcome.resumed:
            print(line(suite, outcome), flush=True)
    if resumed:
        print(f"{resumed} of {len(suite.runs)} runs were done before.")
    failed = len(suite.runs) - len(suite.finished())
    if failed:
        print(
            f"{failed} runs failed; see {suite.folder / 'failures.jsonl'}. They are "
            "tried again when the same command is run again."
        )
    return failed


def _line(suite: Suite, outcome: Outcome) -> str:
    run, block = outcome.run, suite.blocks[outcome.run.block]
    apart = settings_apart(suite.blocks)[run.block]
    what = [_head(outcome), f"{block.dataset} {block.protocol} "]
    if outcome.of_indexer:
        what.append(f"codes of {run.method.id:<16}")
        settings = dict(apart.indexer)
    else:
        what.append(f"{block.ranker.model:<12} {run.method.id:<16}")
        settings = {**apart.ranker, **apart.indexer}
    what += [f"{name}={value}" for name, value in settings.items()]
    what.append(f"seed {run.seed} ")
    if outcome.error:
        what += ["FAILED:", outcome.error.strip().splitlines()[-1]]
    elif outcome.row:
        what.append(f"AUC {outcome.row['auc']:.4f}")
    return " ".join(what).rstrip()


def _code_line(suite: CodeSuite, outcome: CodeOutcome) -> str:
    run = outcome.runs[0]
    block = suite.blocks[run.block]
    names = ", ".join(f"{each.name}-{each.method.num_codes}" for each in outcome.runs)
    what = [_head(outcome), f"{block.dataset} {block.protocol} "]
    what.append(f"{names:<16} seed {run.seed} ")
    if outcome.row is None:
        what += ["FAILED:", outcome.error.strip().splitlines()[-1]]
    elif outcome.row["relative_error"] is not None:
        what.append(f"error {outcome.row['relative_error']:.3f}")
    return " ".join(what).rstrip()


def _head(outcome: Outcome | CodeOutcome) -> str:
    """How much is done, and how long it took and takes."""
    left = (
        "" if outcome.seconds_left is None else f", {clock(outcome.seconds_left)} left"
    )
    done = f"[{outcome.done:>{len(str(outcome.total))}}/{outcome.total}]"
    return f"{done} {clock(outcome.seconds)}{left} "


def clock(seconds: float) -> str:
    """Hours, minutes and seconds, such as 1:02:03."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"
