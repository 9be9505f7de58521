"""Runs a suite before a person's eyes."""

import statistics
from collections.abc import Callable
from typing import Any

from moc_tf.training import CodeOutcome, CodeSuite, Outcome, Suite


def run_suite(suite: Suite, num_workers: int) -> int:
    """Does what is left of `suite`, with a line a run; returns how many runs failed."""
    return _run(suite, num_workers, _line)


def run_code_suite(suite: CodeSuite, num_workers: int) -> int:
    """The same of a suite of codes, with a line a code set."""
    return _run(suite, num_workers, _code_line)


def code_suite_left(suite: CodeSuite, num_workers: int) -> str:
    """A sentence on what is left of a suite of codes, and how long it takes."""
    rows = suite.finished()
    left = [run for run in suite.runs if run not in rows]
    counted = f"{len(suite.runs)} rows, {len(rows)} done, {len(left)} left"
    if not left:
        return counted
    if not rows:
        return f"{counted}; how long they take shows after the first."
    seconds: dict[str, list[float]] = {}
    for run, row in rows.items():
        seconds.setdefault(run.name, []).append(row["seconds"])
    of_all = [value for values in seconds.values() for value in values]
    code_sets = {(run.block, run.method, run.seed): run.name for run in left}
    total = sum(
        statistics.mean(seconds.get(name, of_all)) for name in code_sets.values()
    )
    return (
        f"{counted}, about {clock(total / num_workers)} with {num_workers} workers, "
        "by the rows that are done."
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
    what = [_head(outcome), f"{block.dataset} {block.protocol} "]
    if outcome.of_indexer:
        what.append(f"codes of {run.method.id:<16} seed {run.seed} ")
    else:
        what.append(f"{block.ranker.model:<12} {run.method.id:<16} seed {run.seed} ")
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
