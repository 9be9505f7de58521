r"""Turns results into tables, pictures and one page.

    python -m experiments.report --results=experiments/results

Reads every `<results>/<folder>/results.jsonl` and writes beside it, or under `--out`,
`report.md`, `report.tex` (which compiles on its own), `cells.csv` (the figures of
cells, gains and claims in full) and `pictures/` (PNG and SVG); and `report.html`, which
shows all of it in one file that needs no other. A folder named as a suite of
`experiments.reproduce` shows the suite's cells that are still empty; figure1 to
figure3, of codes without rankers, have a picture each; other rows that are not of
rankers are shown as they are.

Equal rows give equal bytes. On 2 cores, all suites take about two minutes.
"""

from absl import app, flags

_RESULTS = flags.DEFINE_string(
    "results", "experiments/results", "Holds <folder>/results.jsonl."
)
_OUT = flags.DEFINE_string("out", None, "Where to write; default: --results.")


def main(_: list[str]) -> None:
    """Writes the report."""
    import pathlib

    from experiments.reporting.rows import RowsError
    from experiments.reporting.writing import PAGE, write_report

    results = pathlib.Path(_RESULTS.value)
    out = pathlib.Path(_OUT.value or _RESULTS.value)
    try:
        for line in write_report(results, out):
            print(line, flush=True)
    except RowsError as error:
        raise app.UsageError(str(error)) from error
    print(f"Page: {out / PAGE}")


if __name__ == "__main__":
    app.run(main)
