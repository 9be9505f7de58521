import json
import pathlib

NOTEBOOK = pathlib.Path(__file__).parents[2] / "experiments" / "quickstart.ipynb"


def test_the_notebook_runs_from_top_to_bottom(capsys):
    cells = json.loads(NOTEBOOK.read_text())["cells"]
    code = [
        "".join(cell["source"])
        for cell in cells
        if cell["cell_type"] == "code"
        and "install" not in cell["metadata"].get("tags", [])
    ]
    namespace: dict = {}
    for source in code:
        exec(compile(source, str(NOTEBOOK), "exec"), namespace)
    printed = capsys.readouterr().out
    aucs = {
        line.split(":")[0].strip(): float(line.split("AUC ")[1].split(",")[0])
        for line in printed.splitlines()
        if "AUC" in line
    }
    assert aucs["codes"] > aucs["none"]
    assert aucs["codes"] > aucs["shuffled codes"]


def test_the_notebook_is_committed_without_outputs():
    for cell in json.loads(NOTEBOOK.read_text())["cells"]:
        assert not cell.get("outputs")
