"""`scripts/bench`: what it lists and measures, and that what misses its bound is seen."""

from __future__ import annotations

import json
import math
import runpy
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from app.config import ROOT
from scripts.benchmarks.figures import Chapter, Figure, as_json, as_text, held
from scripts.benchmarks.samples import auc, quantile


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `scripts/bench` from another folder, as a maintainer does."""
    return subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "bench"), *arguments],
        cwd="/",
        check=False,
        capture_output=True,
        text=True,
    )


@pytest.fixture
def told(monkeypatch, capsys) -> Callable[..., dict[str, Any]]:
    """Runs a benchmark in this process, for its figures; what it starts are processes all the same.

    That `scripts/bench` starts one, the tests of `signin` show.
    """

    def run(name: str, *arguments: str) -> dict[str, Any]:
        monkeypatch.setattr(sys, "argv", [name, *arguments, "--json"])
        with pytest.raises(SystemExit) as ended:
            runpy.run_module(f"scripts.benchmarks.{name}", run_name="__main__", alter_sys=True)
        assert ended.value.code == 0
        found: dict[str, Any] = json.loads(capsys.readouterr().out)
        return found

    return run


def figure(value: float, **kwargs) -> Figure:
    """A figure that may be 1.05 at most."""
    return Figure("a sign-in", value, "beside a floor", most=1.05, **kwargs)


def test_it_lists_the_benchmarks():
    listed = bench()
    assert listed.returncode == 0
    assert "scripts/bench signin" in listed.stdout


@pytest.mark.parametrize("arguments", [("flying",), ("signin", "-x")])
def test_wrong_usage_is_said_so(arguments):
    refused = bench(*arguments)
    assert refused.returncode == 2
    assert refused.stdout == ""
    assert refused.stderr


def test_one_pair_is_too_few(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["signin", "--pairs", "1"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_module("scripts.benchmarks.signin", run_name="__main__", alter_sys=True)
    assert ended.value.code == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert "two are the least" in said.err


def test_a_quick_run_measures_every_figure_and_judges_none():
    run = bench("signin", "--quick", "--json", "--pairs", "2", "--cost", "4")
    assert run.returncode == 0, run.stderr
    told = json.loads(run.stdout)
    figures = [each for chapter in told["chapters"] for each in chapter["figures"]]
    assert [len(chapter["figures"]) for chapter in told["chapters"]] == [2, 18, 2]
    assert {each["verdict"] for each in figures} == {"too few"}
    assert all(each["value"] is not None for each in figures), "something was never answered"
    assert told["ground"]["bcrypt"] == "cost 4"
    assert any("503" in remark for remark in told["chapters"][2]["remarks"]), "nobody was flooded"


@pytest.mark.parametrize(
    "arguments",
    [
        ("api", "--quick", "--only", "conversations", "--kind", "sqlite"),
        ("console", "--rows", "300"),
        ("roster", "--lines", "600", "--only", "sqlite"),
    ],
    ids=["api", "console", "roster"],
)
def test_a_run_on_few_rows_measures_every_figure(arguments, told):
    figures = [each for chapter in told(*arguments)["chapters"] for each in chapter["figures"]]
    assert figures
    assert all(each["value"] is not None for each in figures), "something was never answered"
    assert {each["verdict"] for each in figures} <= {"too few", "held", ""}


def test_a_figure_beyond_its_bound_is_missed():
    assert figure(1.05).verdict == "held"
    assert figure(1.06).verdict == "MISSED"
    assert figure(float("inf")).verdict == "MISSED"
    assert figure(1.06, samples=9, needed=10).verdict == "too few"


def test_the_whole_interval_has_to_lie_within_the_bound():
    within = {"least": 0.40, "most": 0.60}
    assert Figure("AUC", 0.5, "", interval=(0.41, 0.59), **within).verdict == "held"
    assert Figure("AUC", 0.5, "", interval=(0.39, 0.59), **within).verdict == "MISSED"
    assert Figure("AUC", 0.5, "", interval=(0.41, 0.61), **within).verdict == "MISSED"


def test_one_missed_figure_is_enough():
    good, bad = Chapter("a", [figure(1.0)], []), Chapter("b", [figure(1.0), figure(2.0)], ["so"])
    assert held([good])
    assert not held([good, bad])
    assert "MISSED" in as_text({"cores": 2}, [good, bad])
    assert json.loads(as_json({}, [good, bad]))["chapters"][1]["figures"][1]["verdict"] == "MISSED"


def test_a_quantile_is_a_time_that_was_measured():
    times = [float(each) for each in range(1, 101)]
    assert [quantile(times, share) for share in (0.5, 0.99, 1.0)] == [50, 99, 100]
    assert quantile([7.0], 0.99) == 7


def test_the_auc_is_the_share_of_pairs_in_which_the_second_took_longer():
    first, second = [1.0, 2.0, 2.0, 5.0], [2.0, 3.0, 6.0]
    wins = [(b > a) + (b == a) / 2 for a in first for b in second]
    assert auc(first, second).value == pytest.approx(sum(wins) / len(wins))


def test_the_interval_of_the_auc_is_delongs():
    # By hand: on either side placements of 1/3, 2/3 and 1, so variances of 1/9 over 3 times.
    found = auc([1.0, 3.0, 3.5], [2.0, 3.2, 6.0])
    assert found.value == pytest.approx(6 / 9)
    assert found.low == pytest.approx(6 / 9 - 1.959964 * math.sqrt(2 / 27))
    assert found.high == 1


def test_two_rows_of_one_kind_cannot_be_told_apart_and_shifted_ones_can():
    row = [0.400 + (each * 37 % 500) / 1e6 for each in range(500)]
    same = auc(row, row[::-1])
    assert same.value == pytest.approx(0.5)
    assert 0.46 < same.low < same.high < 0.54
    assert auc(row, [each + 0.0002 for each in row]).low > 0.60
