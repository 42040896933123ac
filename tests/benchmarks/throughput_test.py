import importlib.util
from pathlib import Path

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "throughput.py"


def test_quick_mode_measures_both_recipes_in_both_loops(capsys):
    spec = importlib.util.spec_from_file_location("throughput", BENCHMARK)
    throughput = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(throughput)
    results = throughput.main(quick=True)
    assert set(results) == {"plain", "default"}
    for rates in results.values():
        assert set(rates) == {"kgan fit", "hand-written Keras loop"}
        assert all(len(values) == 2 and min(values) > 0 for values in rates.values())
    assert "of the hand-written loop's: 1.00" in capsys.readouterr().out
