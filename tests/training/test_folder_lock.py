import subprocess
import sys
import textwrap

from moc_tf.training.folder_lock import only_one

HOLDER = """
import pathlib, sys
sys.path[:0] = {path!r}
from moc_tf.training.folder_lock import only_one
with only_one(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[1]) / "runs" / "a"):
    print("in", flush=True)
    sys.stdin.readline()
"""


def hold(workdir):
    code = textwrap.dedent(HOLDER.format(path=sys.path))
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(workdir)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    return process


def test_a_folder_belongs_to_one_process_until_it_leaves_or_dies(tmp_path):
    first = hold(tmp_path)
    assert first.stdout.readline() == "in\n"
    second = hold(tmp_path)
    with only_one(tmp_path, tmp_path / "runs" / "b"):  # another folder is free
        pass
    try:
        second.communicate(timeout=3)
    except subprocess.TimeoutExpired:
        pass
    else:
        raise AssertionError("Both processes were in at once.")
    first.kill()
    assert second.communicate(timeout=60)[0] == "in\n"
    first.wait()
