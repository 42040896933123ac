import pytest

pytestmark = pytest.mark.slow  # whole scripts


def test_quick_mode_measures_both_ways_and_both_learn_the_same(load_script, capsys):
    speed_up, difference = load_script("benchmarks/transfer.py").main(quick=True)
    assert set(speed_up) == {1, 3} and min(speed_up.values()) > 0
    assert difference < 1e-4
    assert "base every epoch" in capsys.readouterr().out


def test_the_head_learns_what_scikit_learn_does_whatever_the_scale(load_script, capsys):
    ((oracle, heads),) = load_script("benchmarks/transfer_head.py").main(quick=True)
    assert min(heads) > oracle - 0.03 > 0.4
    assert abs(heads[0] - heads[1]) < 0.01
    assert "on average" in capsys.readouterr().out
