"""The first command that a person runs."""

from tests.experiments.binaries import run


def test_the_quickstart_writes_table_picture_and_results(tmp_path):
    small = ["--seeds=1", "--num_codes=2,3", "--num_workers=1"]
    process = run("quickstart", *small, f"--workdir={tmp_path}")
    assert "true_factors" in process.stdout
    assert str(tmp_path / "auc_by_codes.png") in process.stdout
    assert (tmp_path / "auc_by_codes.png").read_bytes().startswith(b"\x89PNG")
    assert len((tmp_path / "results.jsonl").read_text().splitlines()) == 5
