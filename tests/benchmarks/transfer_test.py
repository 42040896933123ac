import importlib.util
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow  # whole scripts

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "transfer.py"


def test_quick_mode_measures_both_ways_and_both_learn_the_same(capsys):
    spec = importlib.util.spec_from_file_location("transfer", BENCHMARK)
    transfer = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(transfer)
    speed_up, difference = transfer.main(quick=True)
    assert set(speed_up) == {1, 3} and min(speed_up.values()) > 0
    assert difference < 1e-4
    assert "base every epoch" in capsys.readouterr().out


def test_the_head_learns_what_scikit_learn_does_whatever_the_scale(capsys):
    spec = importlib.util.spec_from_file_location("transfer_head", BENCHMARK.with_name("transfer_head.py"))
    benchmark = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(benchmark)
    ((oracle, heads),) = benchmark.main(quick=True)
    assert min(heads) > oracle - 0.03 > 0.4
    assert abs(heads[0] - heads[1]) < 0.01
    assert "on average" in capsys.readouterr().out
