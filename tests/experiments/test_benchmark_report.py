"""What the benchmark makes of figures: peers, floors, void ones, targets, files."""

import dataclasses

import pytest

from experiments.benchmarks import cases, report, targets
from experiments.benchmarks.comparison import compare
from experiments.benchmarks.extrapolation import extrapolation, growth_exponent
from experiments.benchmarks.growth_plot import plot_growth
from experiments.benchmarks.joining import Results, join
from experiments.benchmarks.peers import candidates
from experiments.benchmarks.records import Record
from experiments.benchmarks.running import Failure

MACHINE = {
    "processor": "Abacus 3000",
    "cores": 2,
    "memory_gb": 8.0,
    "python": "3.11.0",
    "package_versions": {"moc_tf": "0.1.0"},
}


def record(peer="moc_tf", value=100.0, other_cpu=0.0, **fields):
    config = fields.pop("config", {})
    known = {"workload": "tokenizer_train", "metric": "vectors_per_s", "threads": 2}
    return Record.of(
        [value], peer=peer, version="1", other_cpu=other_cpu, config=config,
        **{**known, **fields},
    )  # fmt: skip


def ours(value=100.0, other_cpu=0.0, precision="float32", **config):
    config = {"form": "shared latent", "input": "batches", **config}
    config |= {"case": "made up", "precision": precision}
    return record(value=value, other_cpu=other_cpu, config=config)


def vq(value, precision="float32", quantizer="heads learnable", other_cpu=0.0):
    config = {"quantizer": quantizer, "precision": precision, "batch": 1024}
    return record("vector-quantize-pytorch", value, other_cpu, config=config)


def test_the_best_peer_of_the_same_precision_is_the_one_compared():
    records = [
        ours(100.0),
        ours(300.0, precision="mixed_bfloat16"),
        vq(40.0),
        vq(50.0),
        vq(500.0, quantizer="ResidualVQ EMA"),
        vq(120.0, precision="bfloat16 MLPs"),
        record("vector-quantize-pytorch", 900.0, workload="tokenizer_encode"),
    ]
    single, half = compare(records)
    assert (single.peer.value, single.ratio) == (50.0, 2.0)
    assert (half.peer.value, half.ratio) == (120.0, 2.5)


def test_other_work_than_the_peers_has_no_peer():
    (row,) = compare([ours(form="default"), vq(50.0)])
    assert (row.peer, row.ratio) == (None, None)


def test_a_shorter_time_is_better():
    def latency(peer, value, model):
        config = {"model": model, "users": 9, "batch": 256, "case": "c"}
        config |= {"called": "tf.function"} if peer == "moc_tf" else {}
        fields = {"workload": "ranker_predict", "metric": "p99_ms", "config": config}
        return record(peer, value, **fields)

    records = [latency("moc_tf", 0.5, "dcn_v2"), latency("fuxictr", 1.0, "dcnv2")]
    records += [latency("fuxictr", 2.0, "dcnv2"), latency("fuxictr", 0.1, "deepfm")]
    (row,) = compare(records)
    assert (row.peer.value, row.ratio) == (1.0, 2.0)


def test_only_a_call_of_the_model_is_compared_with_a_peers():
    def prediction(peer, **config):
        config = {"users": 9, "batch": 1, **config}
        fields = {"workload": "ranker_predict", "metric": "p50_ms"}
        return record(peer, config=config, **fields)

    peer = prediction("fuxictr", model="dcnv2")

    def found(**config):
        return candidates(prediction("moc_tf", model="dcn_v2", **config), [peer])

    assert found(called="tf.function") == [peer]
    assert found(called="SavedModel", request="ids") == []
    assert found(called="tf.function", batch=2) == []
    assert found(called="tf.function", users=8) == []


def test_a_floor_is_the_highest_of_its_precision_and_form():
    def floor(value, dtype, other_cpu=0.0, **config):
        return record("floor", value, other_cpu, config={"dtype": dtype, **config})

    records = [
        ours(100.0),
        ours(100.0, form="default"),
        floor(150.0, "float32"),
        floor(200.0, "float32", form="shared latent"),
        floor(900.0, "float32", other_cpu=0.5),
        floor(400.0, "float32", form="default"),
        floor(500.0, "bfloat16"),
    ]
    shared, default = compare(records)
    assert (shared.floor, shared.share) == (200.0, 0.5)
    assert (default.floor, default.share) == (400.0, 0.25)


@pytest.mark.parametrize("void", ["ours", "best peer", "worse peer"])
def test_beside_a_busy_process_there_is_no_ratio(void):
    busy = dict.fromkeys([void], 0.12)
    records = [
        ours(100.0, busy.get("ours", 0.0)),
        vq(50.0, other_cpu=busy.get("best peer", 0.0)),
        vq(40.0, other_cpu=busy.get("worse peer", 0.0)),
    ]
    (row,) = compare(records)
    assert row.ratio is None
    assert "void: other processes took 12 % of the CPU" in report.table([row])
    assert "1 of 3 figures are void" in report.spoilt(records, [])


def test_five_percent_are_not_yet_void():
    records = [ours(100.0, 0.05), vq(50.0, other_cpu=None)]
    (row,) = compare(records)
    assert row.ratio == 2.0
    assert report.spoilt(records, []) == ""


def test_training_is_compared_with_training_of_the_same_kind():
    def training(peer, value, **config):
        fields = {"workload": "ranker_train", "metric": "examples_per_s"}
        return record(peer, value, config={"users": 9, **config}, **fields)

    lazy = {"model": "dcn_v2", "optimizer": "lazy_adam", "fusion": "none"}
    dense = training("fuxictr", 30.0, model="dcnv2", update="dense Adam, clip 10")
    rows = training("torch sparse", 90.0, model="dcnv2", update="SparseAdam rows")
    penalised = training("fuxictr", 99.0, model="dcnv2", regulariser="l2 1e-8")
    loading = {"model": "dcnv2", "update": "dense Adam, clip 10"}
    loader = training("fuxictr", 1000.0, **loading, input="loader alone")
    both = training("fuxictr", 20.0, **loading, input="loader and training")
    others = [dense, rows, penalised, loader, both]

    def found(**config):
        return candidates(training("moc_tf", 1.0, **config), others)

    assert found(**lazy) == [dense, rows]
    assert found(**{**lazy, "optimizer": "adam"}) == [dense]
    assert found(**{**lazy, "optimizer": "adagrad"}) == []
    assert found(**{**lazy, "fusion": "self_gating"}) == []
    assert found(**{**lazy, "users": 8}) == []
    assert found(**lazy, input="files") == [both]
    assert found(**{**lazy, "model": "no model"}, input="loader alone") == [loader]


def test_quantizers_are_compared_by_method_and_moc_by_error_with_the_best():
    def quality(peer, metric, value, **config):
        fields = {"workload": "quantizer_quality", "metric": metric}
        return record(peer, value, config=config, **fields)

    error = "relative_mse"
    others = [
        quality("faiss", error, 0.5, quantizer="PQ"),
        quality("faiss", error, 0.2, quantizer="RQ", encode_beam=1),
        quality("faiss", error, 0.1, quantizer="RQ", encode_beam=5),
        quality("faiss", "vectors_per_s", 7.0, quantizer="PQ"),
        quality("vector-quantize-pytorch", error, 0.01, quantizer="autoencoder + VQ"),
    ]
    mine = [
        quality("moc_tf", error, 0.25, quantizer="pq"),
        quality("moc_tf", error, 0.4, quantizer="moc"),
        quality("moc_tf", "vectors_per_s", 14.0, quantizer="pq"),
        quality("moc_tf", "vectors_per_s", 14.0, quantizer="moc"),
    ]
    assert [row.ratio for row in compare([*mine, *others])] == [2.0, 0.5, 2.0, None]


def test_the_table_shows_what_was_compared():
    records = [ours(1234.0, 0.01), vq(617.0), record("floor", 2468.0)]
    header, _, line = (
        [cell.strip() for cell in text.split("|")[1:-1]]
        for text in report.table(compare(records)).splitlines()
    )
    assert dict(zip(header, line, strict=True)) == {
        "workload, case": "tokenizer_train, made up",
        "metric": "vectors_per_s",
        "ours": "1,234",
        "spread": "-",
        "best peer": "vector-quantize-pytorch, heads learnable",
        "its figure": "617",
        "ratio": "2.00",
        "floor": "2,468",
        "of floor": "50 %",
        "threads": "2",
        "others' CPU": "1.0 %",
    }


def test_targets_are_met_or_not_by_their_worst_figure():
    def verdict(about, *records):
        rows = compare(records)
        return next(v for v in targets.judge(rows) if v.target.about == about)

    half = "tokenizer training, bfloat16"
    fast = ours(100.0, precision="mixed_bfloat16")
    assert verdict(half, fast, vq(50.0, "bfloat16")).met is True
    assert verdict(half, fast, vq(51.0, "bfloat16")).met is False
    assert verdict(half, fast).met is None
    shown = {"workload": "start_up", "metric": "seconds"}
    help_case = {"case": "help of each binary"}
    quick, slow = (record(value=v, config=help_case, **shown) for v in (0.5, 1.5))
    about = "the slowest --help, seconds"
    assert verdict(about, quick, slow).figure == 1.5
    assert verdict(about, quick, slow).met is False
    assert verdict(about, quick).met is True
    void = dataclasses.replace(quick, other_cpu=0.9)
    assert verdict(about, quick, void).met is None


def test_four_million_users_are_held_against_a_hundred_thousand():
    def training(vocabulary, value):
        config = {"model": "deepfm", "optimizer": "lazy_adam", "fusion": "none"}
        config |= {"vocabulary": vocabulary}
        fields = {"workload": "ranker_train", "metric": "examples_per_s"}
        return record(value=value, config=config, **fields)

    def verdict(*records):
        about = "training of deepfm, 4M users over 100k"
        found = targets.judge(compare(records))
        return next(v for v in found if v.target.about == about)

    assert verdict(training(0, 100.0), training(2, 91.0)).met is True
    assert verdict(training(0, 100.0), training(2, 80.0)).figure == 0.8
    assert verdict(training(2, 80.0)).met is None


def test_a_target_of_every_case_that_has_one_finds_it():
    names = {(c.workload, k, v) for cs in cases.WORKLOADS.values() for c in cs
             for k, v in c.options.items()}  # fmt: skip
    told_later = {"batch", "request", "what", "case"}
    for target in targets.TARGETS:
        for key, value in {**target.config, **(target.over or {})}.items():
            if key not in told_later and value is not None:
                assert (target.workload, key, value) in names, target.about


def of_case(value, case="shared latent, float32", workload="tokenizer_train", **config):
    config = {"form": "shared latent", "case": case, **config}
    return record(value=value, workload=workload, config=config)


def test_results_are_kept_by_case_and_machine(tmp_path):
    encoding = of_case(7.0, workload="tokenizer_encode")
    report.write_results(tmp_path, [of_case(100.0), vq(50.0), encoding], [], MACHINE)
    failure = Failure("memory", "training on columns", "It ran out of it.")
    report.write_results(tmp_path, [of_case(200.0)], [failure], MACHINE)
    kept = report.earlier_results(tmp_path)
    assert kept.records == [of_case(200.0), vq(50.0), encoding]
    assert kept.failures == [failure]
    table = (tmp_path / "table.md").read_text()
    assert "4.00" in table
    assert "Not measured: memory, training on columns: It ran out of it.\n" in table
    assert "Abacus 3000, 2 cores" in table
    assert (tmp_path / "ratios.png").read_bytes().startswith(b"\x89PNG")
    report.write_results(tmp_path, [encoding], [], MACHINE)
    assert "It ran out of it." in (tmp_path / "table.md").read_text()
    with pytest.raises(report.ResultsError, match="different machines"):
        report.write_results(tmp_path, [encoding], [], {**MACHINE, "cores": 64})


def test_a_case_that_fails_keeps_its_figures_and_says_so():
    half = "shared latent, mixed_bfloat16"
    old = [of_case(1.0, step=1), of_case(2.0, step=2), of_case(3.0, half)]
    failure = Failure("tokenizer_train", "shared latent, float32", "Killed.")
    new = [of_case(9.0, step=1), of_case(8.0, half)]
    found = join(Results(old, []), Results(new, [failure]))
    assert found.records == [*old[:2], new[1]]
    (told,) = found.failures
    assert told.reason == "Killed. (Its figures here are of an earlier call.)"
    # Without any of before, those that were measured are kept, as it is told.
    assert join(Results([], []), Results(new, [failure])) == (new, [failure])


def test_a_failure_stays_until_its_case_is_measured():
    failure = Failure("tokenizer_train", "shared latent, float32", "Killed.")
    other = Failure("memory", "training on columns", "It ran out of it.")
    gone = Failure("memory", "a case of before", "It is no more.")
    earlier = Results([], [other, failure, gone])
    again = dataclasses.replace(failure, reason="Killed again.")
    assert join(earlier, Results([], [])).failures == [failure, other]
    assert join(earlier, Results([], [again])).failures == [again, other]
    assert join(earlier, Results([of_case(1.0)], [])).failures == [other]


def test_peers_and_floors_are_replaced_only_by_others():
    def floor(value, **fields):
        return record("floor", value, **fields)

    encode = {"workload": "tokenizer_encode"}
    old = [of_case(1.0), vq(2.0), vq(3.0), floor(4.0), floor(5.0, **encode)]
    earlier = Results(old, [])
    for fresh, expected in (
        ([of_case(9.0)], [of_case(9.0), *old[1:]]),
        ([vq(9.0)], [old[0], vq(9.0), *old[3:]]),
        ([floor(9.0)], [*old[:3], floor(9.0), old[4]]),
    ):
        assert join(earlier, Results(fresh, [])).records == expected
    kit = Failure("tokenizer_train", "the peers' kit", "No disk.")
    found = join(earlier, Results([vq(9.0)], [kit]))
    assert found.records == old
    assert "earlier call" in found.failures[0].reason
    ceiling = Failure("ceiling", "matrix products", "Killed.")
    assert join(earlier, Results([floor(9.0)], [ceiling])).records == old


def test_figures_of_cases_that_are_no_more_are_left_out():
    gone = [of_case(1.0, "a case of before"), record(workload="a workload of before")]
    found = join(Results([*gone, of_case(2.0)], []), Results([], []))
    assert found.records == [of_case(2.0)]


def test_joined_figures_are_in_the_order_of_workloads_and_cases():
    half = of_case(1.0, "shared latent, mixed_bfloat16")
    products = of_case(1.0, "matrix products", "ceiling")
    found = join(Results([half, vq(1.0)], []), Results([of_case(2.0), products], []))
    assert found.records == [products, of_case(2.0), half, vq(1.0)]


def test_failures_are_told():
    failure = Failure("memory", "training on columns", "It ran out of it.")
    text = report.report([ours()], [failure], MACHINE)
    assert "Not measured: memory, training on columns: It ran out of it." in text
    assert report.spoilt([ours()], [failure]) == "1 measurements failed."


def test_growth_has_a_picture_whose_bytes_follow_from_its_figures(tmp_path):
    def grown(axis, size, value, what="a row of dcn_v2"):
        config = {"case": axis, "size": size, "what": what}
        return record(workload="growth", metric="us", value=value, config=config)

    records = [grown("fields", 4, 2.0), grown("fields", 8, 3.0), grown("codes", 1, 1.0)]
    plot_growth(records, tmp_path / "one.png")
    plot_growth(records, tmp_path / "two.png")
    one, two = ((tmp_path / name).read_bytes() for name in ("one.png", "two.png"))
    assert one == two
    plot_growth([grown("fields", 4, 2.5), *records[1:]], tmp_path / "two.png")
    assert (tmp_path / "two.png").read_bytes() != one
    with pytest.raises(ValueError, match="needs records"):
        plot_growth([], tmp_path / "one.png")


def grown(axis, what, size, value, other_cpu=0.0):
    config = {"case": axis, "size": size, "what": what}
    return record(
        workload="growth",
        metric="seconds",
        value=value,
        config=config,
        other_cpu=other_cpu,
    )


GROWTH = [
    grown("items", "encode", 1_000, 0.5),
    grown("items", "encode", 100_000, 3.6),
    grown("items", "encode", 1_000_000, 36.0),
    grown("items", "an epoch of fit", 100_000, 9.0),
    grown("items", "an epoch of fit", 1_000_000, 90.0),
    grown("vocabulary", "a row of dcn_v2", 100_000, 10.0),
    grown("vocabulary", "a row of dcn_v2", 4_000_000, 11.0),
]


def test_growth_is_carried_on_to_100_million_items():
    text = extrapolation(GROWTH)
    assert "to the power of 1.00" in text
    # 36 microseconds an item, times 1e8, are 3,600 s.
    assert "36.0 microseconds an item, 100,000,000 are encoded in 1.0 hours" in text
    assert "An epoch over all of them would take 2.5 hours" in text
    assert "forty epochs over a million at random take 1.0 hours" in text
    assert "costs 1.10 times as much at 4,000,000 users as at 100,000" in text
    # 1e8 rows of 16 numbers of 4 bytes; 7 codes of 4 bytes.
    assert "is 6.4 GB, 19.2 GB with its moments; their 7 codes are 2.8 GB" in text
    # 768 x 512 + 512 x 7 x 32 + 7 x 256 x 32 multiply-adds; 775 x 4 bytes.
    assert "costs 1.13 MFLOP to encode and 3,100 bytes" in text


def test_the_growth_between_the_two_largest_sizes_counts():
    assert growth_exponent([(1, 5.0), (10, 1.0), (1_000, 100.0)]) == pytest.approx(1)
    assert growth_exponent([(10, 2.0), (100, 2.0)]) == pytest.approx(0)


def test_without_all_figures_of_growth_nothing_is_carried_on():
    assert extrapolation(GROWTH[:-1]) == ""
    void = grown("vocabulary", "a row of dcn_v2", 4_000_000, 11.0, other_cpu=0.5)
    assert extrapolation([*GROWTH[:-1], void]) == ""


def test_the_report_ends_with_what_is_carried_on():
    assert extrapolation(GROWTH) in report.report([ours(), *GROWTH], [], MACHINE)
    assert "100 million" not in report.report([ours()], [], MACHINE)
