"""Whether the defaults of the fair classifier hold, from 500 to 50,000 rows: gap between the groups and accuracy.

Made-up people, whose income hangs on their skill and, less, on their sex, which two more columns tell at .8 and at all
but certainty; and, with `--data`, the training rows of UCI Adult (see adult.py, which reads the same file). Every fit
is tested on rows that it has not seen, 20,000 made-up people or the test rows of Adult. The gap is the difference
between the shares of positive predictions of the two groups, with its sign: one that has turned round is no better.

Compared are, for each number of rows,

- nothing hidden, alpha 0;
- the slow adversary: both players at Adam's 1e-3, minibatches of 128, 20 epochs, one step each;
- the defaults of `SKLearnFairClassifier`;

and with 800 rows also these defaults with other objectives, with alpha 1 and on the representation, and the defaults of
`FairClassifier` itself, whose classifier keeps its learning rate.

The AUC is that of a fresh linear probe that reads sex from what the adversary saw; `warned` counts the fits that said
that it is not hidden. What an interrupted run has measured stays in the CSV and is not measured again.

    python benchmarks/fair_defaults.py --data adult.csv    # 3 seeds
    python benchmarks/fair_defaults.py --quick             # 300 made-up people, one seed, few steps
"""

import argparse
import csv
import importlib.util
import time
import warnings
from pathlib import Path

import keras
import numpy as np

import kgan

OUT = Path(__file__).parent / "figures" / "fair_defaults.csv"
SIZES = (500, 800, 3000, 20000, 50000)
SLOW = {"optimizer": "adam", "adversary_optimizer": "adam", "batch_size": 128, "epochs": 20, "adversary_steps": 1}
HIDING = {"on": "prediction", "alpha": 6}
SETTINGS = {
    "nothing hidden": {**HIDING, "alpha": 0},
    "slow adversary": {**HIDING, **SLOW},
    "defaults": HIDING,
    "defaults, alpha 1": {**HIDING, "alpha": 1},
    "defaults, reversal": {**HIDING, "objective": "reversal"},
    "defaults, negative": {**HIDING, "objective": "negative"},
    "representation, slow adversary": {"on": "representation", "alpha": 1, **SLOW},
    "representation, defaults": {"on": "representation", "alpha": 1},
    "representation, uniform": {"on": "representation", "alpha": 1, "objective": "uniform"},
    "the model itself": HIDING,
}
EVERYWHERE = ("nothing hidden", "defaults", "slow adversary")
FASTEST = EVERYWHERE[:2]  # with many rows 20 epochs are enough for any adversary
ALL_SETTINGS_AT = 800  # where slow adversaries were found out
FIELDS = ("table", "rows", "setting", "seed", "gap", "accuracy", "auc", "warned", "seconds")


def made_up(rows, seed):
    """`(x, y, sex)`; .28 more of those of sex 1 have a large income."""
    rng = np.random.default_rng(seed)
    sex, skill = rng.integers(0, 2, rows), rng.normal(size=rows)
    x = np.c_[40 + 3 * sex + 3 * rng.normal(size=rows), skill, 38 + 4 * sex + rng.normal(size=rows)]
    y = (skill + 0.8 * sex + 0.5 * rng.normal(size=rows) > 0.4).astype(int)
    return x.astype("float32"), y, sex


def adult(path):
    """`(x, y, sex)` to train and to test on, as in adult.py."""
    spec = importlib.util.spec_from_file_location("adult", Path(__file__).with_name("adult.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    halves = module.halves(module.people(path), ["sex"])
    return [(x, y, (table["sex"] == "Male").to_numpy().astype(int)) for x, y, table in halves]


def fit(setting, x, y, sex, seed, quick):
    """A fitted `FairClassifier`, and whether it warned."""
    arguments = dict(SETTINGS[setting])
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always", UserWarning)
        if setting == "the model itself":
            model = kgan.FairClassifier(seed=seed, **arguments)
            model.compile()
            epochs = 1 if quick else max(5, -(-1000 // (len(x) // 64)))
            model.fit(x, {"target": y, "sensitive": {"sex": sex}}, batch_size=64, epochs=epochs, verbose=0)
        else:
            arguments |= {"epochs": 1} if quick else {}
            estimator = kgan.SKLearnFairClassifier(random_state=seed, **arguments)
            model = estimator.fit(x, y, sensitive_features={"sex": sex}).model_
    return model, any("fresh linear probe" in str(each.message) for each in said)


def measure(setting, train, test, seed, quick):
    start = time.perf_counter()
    model, warned = fit(setting, *train, seed, quick)
    seconds = time.perf_counter() - start
    x, y, sex = test
    scores = model.predict(x, batch_size=4096, verbose=0)[:, 1]
    predicted = scores > 0.5
    shown = scores if SETTINGS[setting]["on"] == "prediction" else model.transform(x, batch_size=4096)
    # Only the linear one of the two probes is kept, and 5,000 rows are enough for it.
    auc = kgan.metrics.leakage(shown[:5000], sex[:5000])[0].auc.value
    keras.utils.clear_session()
    gap = predicted[sex == 1].mean() - predicted[sex == 0].mean()
    return dict(gap=gap, accuracy=np.mean(predicted == y), auc=auc, warned=int(warned), seconds=seconds)


def tables(data, quick):
    """`{name: (sizes, function of rows and seed that gives the training rows, test rows)}`"""
    found = {"made up": ((300,) if quick else SIZES, made_up, made_up(1000 if quick else 20000, 999))}
    if data:
        whole, test = adult(data)

        def some(rows, seed):
            chosen = np.random.default_rng(seed).permutation(len(whole[0]))[:rows]
            return tuple(part[chosen] for part in whole)

        found["Adult"] = ((3000, len(whole[0])), some, test)
    return found


def table_of(rows):
    """Gaps of all seeds and means of the rest, as Markdown."""
    lines = ["| table | rows | setting | gap, each seed | accuracy | AUC | warned | seconds |", "|" + "---|" * 8]
    for key in dict.fromkeys((row["table"], row["rows"], row["setting"]) for row in rows):
        of = [row for row in rows if (row["table"], row["rows"], row["setting"]) == key]
        gaps = ", ".join(f"{row['gap']:.3f}" for row in of)
        accuracy, auc, seconds = (np.mean([row[name] for row in of]) for name in ("accuracy", "auc", "seconds"))
        warned = f"{sum(int(row['warned']) for row in of)} of {len(of)}"
        table, number, setting = key
        means = f"{accuracy:.3f} | {auc:.2f} | {warned} | {seconds:.0f}"
        lines.append(f"| {table} | {int(number):,} | {setting} | {gaps} | {means} |")
    return "\n".join(lines)


def measured(file):
    if not file.exists():
        return []
    with open(file, newline="") as lines:
        return [
            {field: value if field in ("table", "setting") else float(value) for field, value in row.items()}
            for row in csv.DictReader(lines)
        ]


def main(data=None, quick=False, seeds=3, out=OUT):
    out, seeds = Path(out), 1 if quick else seeds
    rows = [] if quick else measured(out)
    done = {(row["table"], row["rows"], row["setting"], row["seed"]) for row in rows}
    out.parent.mkdir(parents=True, exist_ok=True)
    with open(out, "a" if rows else "w", newline="") as file:
        writer = csv.DictWriter(file, FIELDS)
        if not rows:
            writer.writeheader()
        for name, (sizes, draw, test) in tables(data, quick).items():
            for size in sizes:
                everything = quick or (name == "made up" and size == ALL_SETTINGS_AT)
                for setting in SETTINGS if everything else EVERYWHERE if size <= 3000 else FASTEST:
                    for seed in range(seeds):
                        if (name, size, setting, seed) in done:
                            continue
                        row = dict(table=name, rows=size, setting=setting, seed=seed)
                        row |= measure(setting, draw(size, seed), test, seed, quick)
                        rows.append(row)
                        writer.writerow({k: f"{v:.4f}" if isinstance(v, float) else v for k, v in row.items()})
                        file.flush()
                        print(*(f"{k}={v:.3f}" if isinstance(v, float) else f"{v}" for k, v in row.items()), flush=True)
    order = {name: i for i, name in enumerate(SETTINGS)}
    rows.sort(key=lambda row: (row["table"] != "made up", row["rows"], order[row["setting"]], row["seed"]))
    print(f"\n{table_of(rows)}")
    return rows


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="CSV file of UCI Adult, as for adult.py")
    parser.add_argument("--quick", action="store_true", help="few made-up people, one seed, one epoch")
    parser.add_argument("--seeds", type=int, default=3, help="how many")
    parser.add_argument("--out", type=Path, default=OUT, help="CSV of every fit")
    main(**vars(parser.parse_args()))
