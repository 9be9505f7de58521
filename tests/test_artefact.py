import itertools
import json
import os
from pathlib import Path

import numpy as np
import pytest

from moc_tf._artefact import (
    ArtefactError,
    DamagedArtefactError,
    artefact_sha256,
    discard_artefact,
    plain_json,
    read_artefact,
    read_header,
    write_artefact,
)
from moc_tf._artefact import folder as artefact_folder

OLD = {"codes": np.arange(6, dtype=np.int32).reshape(2, 3), "same": np.ones(3)}
NEW = {"codes": np.zeros((4, 1), np.int32), "same": np.ones(3), "more": np.ones(1)}


class Crash(BaseException):
    """Not an Exception, so that no handler can mistake it for one."""


def files(folder):
    return sorted(file.name for file in folder.iterdir())


def assert_holds(folder, arrays, manifest):
    read, read_manifest = read_artefact(folder, "thing")
    assert read_manifest == manifest
    assert list(read) == list(arrays)
    for name, array in arrays.items():
        np.testing.assert_array_equal(read[name], array)
        assert read[name].dtype == array.dtype


@pytest.fixture
def old(tmp_path):
    folder = tmp_path / "artefact"
    write_artefact(folder, "thing", OLD, {"version": "old"})
    return folder


def test_round_trip_keeps_any_name_type_and_shape(tmp_path):
    arrays = {
        "encoder/dense_1/kernel:0": np.random.default_rng(0).normal(size=(3, 2)),
        "../..": np.array(["a", "äö€", ""]),
        "": np.float16(0.5) * np.ones(()),
        "a b%2F": np.array([], np.uint8),
        "a/b": np.array([True, False]),
        "a_b": np.asfortranarray(np.arange(6, dtype=">i8").reshape(2, 3)),
    }
    folder = tmp_path / "some" / "where"
    manifest = {"seed": 3, "figures": [0.1, None, True], "config": {"beta": 0.25}}
    write_artefact(folder, "thing", arrays, manifest)
    assert_holds(folder, arrays, manifest)
    assert {file.parent for file in tmp_path.rglob("*.npy")} == {folder}


def test_manifest_describes_the_files(old):
    content = json.loads((old / "manifest.json").read_text())
    entry = content["arrays"]["codes"]
    assert content["kind"] == "thing"
    assert entry["shape"] == [2, 3]
    assert entry["dtype"] == "<i4"
    assert entry["file"] == f"codes-{entry['sha256'][:8]}.npy"
    np.testing.assert_array_equal(np.load(old / entry["file"]), OLD["codes"])


def test_replacing_leaves_no_file_of_the_old_one_and_no_other_is_touched(old):
    (old / "notes.txt").write_text("mine")
    (old / "vectors-20240131.npy").write_bytes(b"mine, though named like ours")
    write_artefact(old, "thing", NEW, {"version": "new"})
    assert_holds(old, NEW, {"version": "new"})
    named = json.loads((old / "manifest.json").read_text())["arrays"].values()
    assert files(old) == sorted(
        ["manifest.json", "notes.txt", "vectors-20240131.npy"]
        + [entry["file"] for entry in named]
    )


STEPS = {
    "open": (Path, "open"),
    "save": (np, "save"),
    "fsync": (os, "fsync"),
    "replace": (os, "replace"),
    "unlink": (Path, "unlink"),
}


def crash_at(monkeypatch, step, call, when):
    """Makes the `call`-th call of a step crash, before or after it took effect."""
    owner, name = STEPS[step]
    original = getattr(owner, name)
    calls = itertools.count(1)

    def crashing(*args, **kwargs):
        if (number := next(calls)) == call and when == "before":
            raise Crash
        result = original(*args, **kwargs)
        if number == call:
            raise Crash
        return result

    monkeypatch.setattr(owner, name, crashing)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("step", STEPS)
def test_a_crash_leaves_the_old_artefact_or_the_new_one(tmp_path, step, when):
    manifest = tmp_path / "0" / "manifest.json"
    seen = []
    for call in itertools.count(1):
        folder = tmp_path / str(call)
        write_artefact(folder, "thing", OLD, {"version": "old"})
        before = (folder / manifest.name).read_bytes()
        with pytest.MonkeyPatch.context() as monkeypatch:
            crash_at(monkeypatch, step, call, when)
            try:
                write_artefact(folder, "thing", NEW, {"version": "new"})
            except Crash:
                crashed = True
            else:
                crashed = False
        if (folder / manifest.name).read_bytes() == before:
            assert_holds(folder, OLD, {"version": "old"})
            seen.append("old")
        else:
            assert_holds(folder, NEW, {"version": "new"})
            seen.append("new")
        # And the next writing succeeds and clears away what the crash left.
        write_artefact(folder, "thing", OLD, {"version": "old"})
        assert_holds(folder, OLD, {"version": "old"})
        assert len(files(folder)) == 3
        if not crashed:
            break
    assert seen == sorted(seen, reverse=True)  # old, ..., old, new, ..., new
    assert len(seen) > 1


@pytest.mark.parametrize("step", ["save", "fsync", "replace"])
def test_an_interrupted_first_writing_is_no_artefact_and_can_be_repeated(
    tmp_path, step, monkeypatch
):
    with pytest.MonkeyPatch.context() as patch:
        crash_at(patch, step, 2, "before")
        with pytest.raises(Crash):
            write_artefact(tmp_path, "thing", OLD, {})
    with pytest.raises(
        ArtefactError, match=r"no manifest\.json: its writing was inter"
    ):
        read_artefact(tmp_path, "thing")
    write_artefact(tmp_path, "thing", OLD, {})
    assert_holds(tmp_path, OLD, {})
    assert len(files(tmp_path)) == 3


def test_everything_is_on_disk_before_the_manifest_is_replaced(tmp_path, monkeypatch):
    log = []
    real_sync, real_replace = os.fsync, os.replace

    def sync(descriptor):
        log.append(("sync", os.readlink(f"/proc/self/fd/{descriptor}")))
        real_sync(descriptor)

    def replace(source, target):
        log.append(("rename", str(source)))
        real_replace(source, target)

    monkeypatch.setattr(os, "fsync", sync)
    monkeypatch.setattr(os, "replace", replace)
    write_artefact(tmp_path, "thing", OLD, {})
    renamed = [path for action, path in log if action == "rename"]
    assert len(renamed) == 3
    for path in renamed:
        assert log.index(("sync", path)) < log.index(("rename", path))
    folder_syncs = [
        i for i, entry in enumerate(log) if entry == ("sync", str(tmp_path))
    ]
    rename_manifest = log.index(("rename", renamed[-1]))
    assert log.index(("rename", renamed[-2])) < folder_syncs[0] < rename_manifest
    assert folder_syncs[1] > rename_manifest


def test_any_flipped_byte_of_an_array_is_detected(old):
    for file in old.glob("*.npy"):
        content = file.read_bytes()
        for i in range(len(content)):
            file.write_bytes(
                content[:i] + bytes([content[i] ^ 0x01]) + content[i + 1 :]
            )
            with pytest.raises(ArtefactError, match="altered or truncated") as error:
                read_artefact(old, "thing")
            assert str(file) in str(error.value)
        file.write_bytes(content)
    assert_holds(old, OLD, {"version": "old"})


def test_a_flipped_byte_of_the_manifest_is_detected_or_changes_nothing(old):
    file = old / "manifest.json"
    content = file.read_bytes()
    detected = 0
    for i in range(len(content)):
        file.write_bytes(content[:i] + bytes([content[i] ^ 0x01]) + content[i + 1 :])
        try:
            assert_holds(old, OLD, {"version": "old"})  # white space only
        except ArtefactError:
            detected += 1
            continue
        assert content[i : i + 1].isspace()
    assert detected > len(content) / 2


@pytest.mark.parametrize("keep", [0, 1, 100, -1])
def test_truncation_is_detected(old, keep):
    for file in old.iterdir():
        content = file.read_bytes()
        file.write_bytes(content[:keep] if keep >= 0 else content[:-2])
        with pytest.raises(ArtefactError, match=r"truncated|not JSON"):
            read_artefact(old, "thing")
        file.write_bytes(content)


def test_a_manifest_edited_by_hand_is_detected(old):
    file = old / "manifest.json"
    file.write_text(file.read_text().replace('"old"', '"young"'))
    with pytest.raises(ArtefactError, match=r"manifest\.json was altered"):
        read_artefact(old, "thing")


@pytest.mark.parametrize("value", ["NaN", "-Infinity", "1e999"])
def test_numbers_that_json_lacks_are_damage_of_a_manifest(old, value):
    file = old / "manifest.json"
    file.write_text(file.read_text().replace('"old"', value))
    for read in (read_artefact, read_header, artefact_sha256):
        with pytest.raises(DamagedArtefactError, match=r"manifest\.json is damaged"):
            read(old, "thing")


@pytest.mark.parametrize("again", [False, True])
def test_a_reader_that_a_writer_overtakes_reads_the_new_artefact(
    old, monkeypatch, again
):
    real_read = artefact_folder.read_array
    readings = itertools.count(1)

    def overtaken(folder, entry):
        if next(readings) > 1:
            return real_read(folder, entry)
        write_artefact(folder, "thing", NEW, {"version": "new"})
        try:
            return real_read(folder, entry)
        finally:
            if again:  # the reader finds the manifest that it knows
                write_artefact(folder, "thing", OLD, {"version": "old"})

    monkeypatch.setattr(artefact_folder, "read_array", overtaken)
    if again:
        assert_holds(old, OLD, {"version": "old"})
    else:
        assert_holds(old, NEW, {"version": "new"})


def test_an_array_that_vanishes_while_it_is_read_is_missing(old, monkeypatch):
    def vanishing(file, *args, **kwargs):
        file.unlink()
        return real_load(file, *args, **kwargs)

    real_load = np.load
    monkeypatch.setattr(np, "load", vanishing)
    with pytest.raises(DamagedArtefactError, match=r"codes-.*\.npy is missing"):
        read_artefact(old, "thing")


def test_reading_says_what_is_wrong(old, tmp_path):
    with pytest.raises(ArtefactError, match=r"no folder .*nowhere to read a thing"):
        read_artefact(tmp_path / "nowhere", "thing")
    with pytest.raises(ArtefactError, match=r"kind 'indexer'\. Received: .* 'thing'"):
        read_artefact(old, "indexer")
    next(old.glob("codes-*.npy")).unlink()
    with pytest.raises(ArtefactError, match=r"codes-.*\.npy is missing"):
        read_artefact(old, "thing")
    (old / "manifest.json").write_text("[]")
    with pytest.raises(ArtefactError, match="not the manifest of a moc_tf artefact"):
        read_artefact(old, "thing")


def test_a_newer_format_is_refused_by_reader_and_writer(old, monkeypatch):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(artefact_folder, "_FORMAT_VERSION", 2)
        patch.setattr(artefact_folder, "__version__", "9.9")
        newer = old.parent / "newer"
        write_artefact(newer, "thing", OLD, {})
    before = files(newer)
    for attempt in (
        lambda: read_artefact(newer, "thing"),
        lambda: write_artefact(newer, "thing", NEW, {}),
    ):
        with pytest.raises(
            ArtefactError, match=r"version 1\. Received: 2, written by .*9"
        ):
            attempt()
    assert files(newer) == before


def test_writing_refuses_where_something_could_be_lost(old, tmp_path):
    file = tmp_path / "file"
    file.write_text("mine")
    with pytest.raises(ArtefactError, match="file is a file"):
        write_artefact(file, "thing", OLD, {})
    assert file.read_text() == "mine"

    with pytest.raises(
        ArtefactError, match=r"not empty and holds no.* Found: 'artefac"
    ):
        write_artefact(tmp_path, "thing", OLD, {})

    with pytest.raises(ArtefactError, match=r"kind 'indexer'\. Received: .* 'thing'"):
        write_artefact(old, "indexer", NEW, {})
    assert_holds(old, OLD, {"version": "old"})

    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (foreign / "manifest.json").write_text('{"name": "a web app"}')
    with pytest.raises(ArtefactError, match="not the manifest of a moc_tf artefact"):
        write_artefact(foreign, "thing", OLD, {})
    assert files(foreign) == ["manifest.json"]


def test_names_that_may_lie_beside_it_are_told(tmp_path):
    for name in ("part-1", "part-2", "cellar"):
        (tmp_path / name).mkdir()
    with pytest.raises(ArtefactError, match="Found: 'cellar'"):
        write_artefact(tmp_path, "thing", OLD, {}, beside=["part-1", "part-2"])
    (tmp_path / "cellar").rmdir()
    write_artefact(tmp_path, "thing", OLD, {}, beside=["part-1", "part-2"])
    assert_holds(tmp_path, OLD, {})
    assert (tmp_path / "part-2").is_dir()


def test_a_discarded_artefact_leaves_room_for_another_and_nothing_else_changes(old):
    (old / "notes.txt").write_text("mine")
    (old / "vectors-20240131.npy").write_bytes(b"mine, though named like ours")
    (old / "half.npy.moc_tf-partial").write_bytes(b"")
    for damaged in ("manifest.json", next(old.glob("codes-*")).name):
        (old / damaged).write_bytes((old / damaged).read_bytes()[:-3])
        with pytest.raises(DamagedArtefactError):
            read_artefact(old, "thing")
    discard_artefact(old, "thing")
    assert files(old) == ["notes.txt", "vectors-20240131.npy"]
    with pytest.raises(DamagedArtefactError, match=r"no manifest\.json"):
        read_artefact(old, "thing")
    (old / "notes.txt").unlink()
    (old / "vectors-20240131.npy").unlink()
    discard_artefact(old)
    write_artefact(old, "thing", NEW, {})
    assert_holds(old, NEW, {})


@pytest.mark.parametrize(
    "manifest", [None, "{", '{"files": [{"file": "codes-20240131.npy"}]}', "thing"]
)
def test_only_an_artefact_is_discarded_and_only_one_of_the_kind(old, manifest):
    (old / "codes-20240131.npy").write_bytes(b"mine, though named like ours")
    if manifest is None:
        (old / "manifest.json").unlink()
    elif manifest != "thing":
        (old / "manifest.json").write_text(manifest)
    before = files(old)
    discard_artefact(old, "indexer")
    assert files(old) == before
    if manifest != "thing":
        discard_artefact(old)
        assert files(old) == before


def test_a_manifest_does_not_make_the_files_of_others_ours(old):
    note = {"file": "vectors-20240131.npy"}
    write_artefact(old, "thing", OLD, {"source": note, "arrays": {"codes": note}})
    (old / note["file"]).write_bytes(b"mine, though named like ours")
    discard_artefact(old)
    assert files(old) == [note["file"]]


@pytest.mark.parametrize("when", ["before", "after"])
def test_an_interrupted_discarding_can_be_repeated(tmp_path, when):
    for call in range(1, 4):
        folder = tmp_path / str(call)
        write_artefact(folder, "thing", OLD, {})
        for file in folder.glob("*.npy"):
            file.write_bytes(b"damaged")
        with pytest.MonkeyPatch.context() as monkeypatch:
            crash_at(monkeypatch, "unlink", call, when)
            with pytest.raises(Crash):
                discard_artefact(folder)
        discard_artefact(folder)
        assert files(folder) == []


def test_an_artefact_of_another_kind_or_none_is_not_damaged(old, tmp_path):
    (tmp_path / "file").write_text("mine")
    for folder, kind in [
        (old, "indexer"),
        (tmp_path / "nowhere", "thing"),
        (tmp_path / "file", "thing"),
    ]:
        with pytest.raises(ArtefactError) as error:
            read_artefact(folder, kind)
        assert not isinstance(error.value, DamagedArtefactError)


def test_a_header_tells_all_but_the_arrays(old):
    header = read_header(old, "other", "thing")
    content = json.loads((old / "manifest.json").read_text())
    assert header.kind == "thing"
    assert header.sha256 == content["sha256"]
    assert header.shapes == {"codes": (2, 3), "same": (3,)}
    assert header.manifest == {"version": "old"}
    with pytest.raises(
        ArtefactError, match=r"of kind 'a' or 'b'\. Received: .*'thing'"
    ):
        read_header(old, "a", "b")


def test_the_checksum_of_an_artefact_is_that_of_its_content(old, tmp_path):
    checksums = []
    for name, arrays, version in [
        ("same", OLD, "old"),
        ("array", {**OLD, "same": np.zeros(3)}, "old"),
        ("manifest", OLD, "new"),
    ]:
        write_artefact(tmp_path / name, "thing", arrays, {"version": version})
        checksums.append(artefact_sha256(tmp_path / name, "thing"))
    assert checksums[0] == artefact_sha256(old, "thing")
    assert len(set(checksums)) == 3
    with pytest.raises(ArtefactError, match="must hold an artefact of kind 'indexer'"):
        artefact_sha256(old, "indexer")
    file = old / "manifest.json"
    file.write_text(file.read_text().replace('"old"', '"young"'))
    with pytest.raises(ArtefactError, match=r"manifest\.json was altered"):
        artefact_sha256(old, "thing")


@pytest.mark.parametrize(
    "array",
    [
        np.array([{}], object),
        np.zeros(2, [("a", np.int32)]),
        np.array(["a", None]),
    ],
)
def test_arrays_that_npy_would_not_keep_are_refused(old, array):
    with pytest.raises(ArtefactError, match="Array 'bad' must hold numbers"):
        write_artefact(old, "thing", {"good": np.ones(1), "bad": array}, {})
    assert_holds(old, OLD, {"version": "old"})


def test_an_extension_type_is_refused():
    ml_dtypes = pytest.importorskip("ml_dtypes")
    with pytest.raises(ArtefactError, match="Received: dtype bfloat16"):
        write_artefact("unused", "thing", {"a": np.ones(1, ml_dtypes.bfloat16)}, {})
    assert not Path("unused").exists()


def test_plain_json_converts_numpy_scalars_and_copies():
    value = {"i": np.int32(3), "f": np.float32(0.5), "b": np.bool_(True), "t": (1, "x")}
    plain = plain_json(value, "manifest")
    assert plain == {"i": 3, "f": 0.5, "b": True, "t": [1, "x"]}
    assert [type(plain[key]) for key in "ifb"] == [int, float, bool]
    nested = {"inner": {"list": [1]}}
    plain_json(nested, "manifest")["inner"]["list"].append(2)
    assert nested == {"inner": {"list": [1]}}


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (
            {"figures": {"nmi": [0.1, float("nan")]}},
            r"\['figures'\]\['nmi'\]\[1\] must",
        ),
        ({"x": np.float32("inf")}, r"manifest\['x'\] must be .*Received: inf"),
        ({"x": np.ones(2)}, "of type ndarray"),
        ({"x": {1, 2}}, "of type set"),
        ({"x": {1: "a"}}, "only strings as keys.*Received: 1"),
    ],
)
def test_what_json_cannot_keep_is_refused(old, value, message):
    with pytest.raises(ArtefactError, match=message):
        write_artefact(old, "thing", NEW, value)
    assert_holds(old, OLD, {"version": "old"})
