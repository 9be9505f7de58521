"""Runs a suite before a person's eyes."""

from moc_tf.training import Outcome, Suite


def run_suite(suite: Suite, num_workers: int) -> int:
    """Does what is left of `suite`, with a line a run; returns how many runs failed."""
    resumed = 0
    for outcome in suite.run(num_workers):
        resumed += outcome.resumed
        if not outcome.resumed:
            print(_line(suite, outcome), flush=True)
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
    left = (
        "" if outcome.seconds_left is None else f", {clock(outcome.seconds_left)} left"
    )
    what = [
        f"[{outcome.done:>{len(str(outcome.total))}}/{outcome.total}]",
        f"{clock(outcome.seconds)}{left} ",
        f"{block.dataset} {block.protocol} ",
    ]
    if outcome.of_indexer:
        what.append(f"codes of {run.method.id:<16} seed {run.seed} ")
    else:
        what.append(f"{block.ranker.model:<12} {run.method.id:<16} seed {run.seed} ")
    if outcome.error:
        what += ["FAILED:", outcome.error.strip().splitlines()[-1]]
    elif outcome.row:
        what.append(f"AUC {outcome.row['auc']:.4f}")
    return " ".join(what).rstrip()


def clock(seconds: float) -> str:
    """Hours, minutes and seconds, such as 1:02:03."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"
