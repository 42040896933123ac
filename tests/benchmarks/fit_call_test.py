import importlib.util
import re
from pathlib import Path

import pytest

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "fit_call.py"


@pytest.fixture
def fit_call():
    spec = importlib.util.spec_from_file_location("fit_call", BENCHMARK)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_cost_of_a_call_is_what_is_left_without_its_step(fit_call, monkeypatch):
    """Calls that cost 30 and 45 ms, with steps of 2 and 7."""
    cost = {"keras": (30.0, 2.0), "gan": (45.0, 7.0)}

    def measured(rows, calls):
        return {
            (name, steps): [call + steps * step] * calls for name, (call, step) in cost.items() for steps in (1, 21)
        }

    monkeypatch.setattr(fit_call, "measure", measured)
    assert fit_call.table(5000, 3) == "| 5,000 | 30.0 | 45.0 | +15.0 |"


@pytest.mark.slow
def test_quick_mode_measures_both_contenders(fit_call, capsys, monkeypatch):
    monkeypatch.setattr("sys.argv", ["fit_call.py", "--quick"])
    fit_call.main()
    (row,) = re.findall(r"\| 64 \| (.*) \| (.*) \| (.*) \|", capsys.readouterr().out)
    keras, gan, more = map(float, row)
    assert more == pytest.approx(gan - keras, abs=0.11)
