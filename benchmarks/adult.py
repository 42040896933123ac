"""Income without sex or race: accuracy against parity on UCI Adult, and how long it takes.

Who earns more than 50,000 dollars, 48,842 people of the US census of 1994 (Becker & Kohavi 1996, CC BY 4.0,
https://doi.org/10.24432/C5XW20), with the data's own division into 32,561 people to train on and 16,281 to test on. The
sensitive columns are not among the inputs, which are one-hot and standardised for every method:

- logistic regression, scikit-learn's;
- `kgan.FairClassifier` over a range of alpha; with alpha 0 it is the unconstrained network;
- fairlearn's `AdversarialFairnessClassifier` over a range of alpha, as in its user guide (50 and 3 hidden units,
  minibatches of 256), for 10 epochs. It takes one column of several categories: of race and sex their combinations.

First sex is hidden, then race and sex together. Parity is the demographic-parity difference of the test rows; of race
and sex the larger one of the two. Nothing is chosen by the test rows, for each method the whole curve is shown. All
methods run in turns in one process, and their seconds are those of `fit`. What an interrupted run has measured stays in
the CSV and is not measured again: remove the file to start anew.

    python benchmarks/adult.py --data adult.csv    # 3 seeds; about 40 minutes
    python benchmarks/adult.py --quick             # 400 made-up people, one seed, one epoch

The file is a CSV with a header: the columns of UCI, named as there, of which `income` and, if it is there, `split`
(`train` or `test`) are not inputs, and `fnlwgt`, a weight, is left out. `--openml` takes scikit-learn's
`fetch_openml("adult", version=2)` instead, which downloads it; without a column `split`, a third is drawn to test on.
"""

import argparse
import csv
import time
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import keras
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split

import kgan

FIGURES = Path(__file__).parent / "figures"
HIDDEN = {"sex": ["sex"], "race and sex": ["race", "sex"]}
ALPHAS = (0, 0.1, 0.3, 1, 4, 8, 12, 16)
FAIRLEARN_ALPHAS = (0.1, 0.3, 1)
EPOCHS = {"logistic": None, "kgan": 30, "fairlearn": 10}
BATCH, FAIRLEARN_BATCH = 512, 256
NAMES = {"logistic": "logistic regression", "kgan": "kgan.FairClassifier", "fairlearn": "fairlearn"}
COLOURS = {"logistic": "#000000", "kgan": "#0072B2", "fairlearn": "#D55E00"}
FIELDS = ("hidden", "method", "alpha", "seed", "accuracy", "parity_sex", "parity_race", "auc_linear", "auc_trees")
GOAL = 0.01
LEFT = 0.002  # where the figure begins: fairer ones are drawn there


def people(path=None, openml=False, quick=False):
    """The table, with the columns `income` as 0 or 1 and `split`."""
    if quick:
        return made_up(400)
    if openml:
        from sklearn.datasets import fetch_openml

        table = fetch_openml("adult", version=2, as_frame=True).frame.rename(columns={"class": "income"})
    elif path is None:
        raise SystemExit("give the table as --data FILE.csv, or --openml to download it.")
    else:
        table = pd.read_csv(path)
    table = table.drop(columns="fnlwgt", errors="ignore")
    for column in table.select_dtypes(exclude="number"):
        table[column] = table[column].astype(str).str.strip()
    table["income"] = table["income"].str.startswith(">50K").astype(int)
    if "split" not in table:
        _, test = train_test_split(table.index, test_size=1 / 3, stratify=table["income"], random_state=0)
        table["split"] = np.where(table.index.isin(test), "test", "train")
    return table


def made_up(rows):
    """People whose income hangs on their hours, which hang on their sex: for trying out, not for measuring."""
    rng = np.random.default_rng(0)
    sex, race = rng.choice(["Female", "Male"], rows), rng.choice(["A", "B", "C"], rows)
    hours = 35 + 6 * (sex == "Male") + 8 * rng.normal(size=rows)
    income = (hours + 4 * rng.normal(size=rows) > 41).astype(int)
    work = rng.choice(["Private", "State"], rows)
    split = np.where(np.arange(rows) % 3 == 0, "test", "train")
    return pd.DataFrame(dict(hours=hours, work=work, race=race, sex=sex, income=income, split=split))


def halves(table, hidden):
    """`(x, target, sensitive)` to train and to test on, the inputs standardised by the rows to train on."""
    x = pd.get_dummies(table.drop(columns=["income", "split", *hidden]), dtype="float32")
    train = table["split"] == "train"
    mean, deviation = x[train].mean(), x[train].std().replace(0, 1)
    x = ((x - mean) / deviation).astype("float32")
    return [(x[rows].to_numpy(), table.loc[rows, "income"].to_numpy(), table.loc[rows]) for rows in (train, ~train)]


def logistic(train, x_test, hidden, alpha, seed, epochs):
    x, target, _ = train
    return LogisticRegression(max_iter=1000).fit(x, target).predict_proba(x_test)[:, 1]


def kgan_classifier(train, x_test, hidden, alpha, seed, epochs):
    x, target, table = train
    batch = min(BATCH, len(x))
    rate = keras.optimizers.schedules.CosineDecay(2e-3, epochs * (len(x) // batch))
    model = kgan.FairClassifier(alpha=alpha, on="prediction", seed=seed)
    model.compile(keras.optimizers.Adam(rate), keras.optimizers.Adam(5e-3))
    model.fit(x, {"target": target, "sensitive": table[hidden]}, batch_size=batch, epochs=epochs, verbose=0)
    return lambda: model.predict(x_test, batch_size=4096, verbose=0)[:, 1]


def fairlearn_classifier(train, x_test, hidden, alpha, seed, epochs):
    from fairlearn.adversarial import AdversarialFairnessClassifier

    x, target, table = train
    keras.utils.set_random_seed(seed)
    model = AdversarialFairnessClassifier(
        backend="tensorflow",
        predictor_model=[50, "leaky_relu"],
        adversary_model=[3, "leaky_relu"],
        batch_size=FAIRLEARN_BATCH,
        epochs=epochs,
        alpha=alpha,
        random_state=seed,
    )
    model.fit(x, target, sensitive_features=table[hidden].agg(" ".join, axis=1))
    return lambda: np.ravel(model.backendEngine_.evaluate(x_test))


METHODS = {"logistic": logistic, "kgan": kgan_classifier, "fairlearn": fairlearn_classifier}


def measure(method, table, name, alpha, seed, epochs):
    """One row of results."""
    hidden = HIDDEN[name]
    train, (x_test, target, people_tested) = halves(table, hidden)
    start = time.perf_counter()
    found = METHODS[method](train, x_test, hidden, alpha, seed, epochs)
    seconds = time.perf_counter() - start
    scores = found() if callable(found) else found
    row = dict(hidden=name, method=method, alpha=alpha, seed=seed, seconds=seconds)
    keras.utils.clear_session()
    if not np.isfinite(scores).all():  # training diverged
        return row | dict.fromkeys(FIELDS[4:], np.nan)
    predicted = (scores > 0.5).astype(int)
    for column in ("sex", "race"):
        difference = kgan.metrics.demographic_parity_difference(predicted, people_tested[column])
        row[f"parity_{column}"] = difference.value
    linear, trees = kgan.metrics.leakage(scores, people_tested["sex"], name="the prediction")
    return row | dict(accuracy=np.mean(predicted == target), auc_linear=linear.auc.value, auc_trees=trees.auc.value)


def measured(file):
    """The rows of an interrupted run."""
    if not file.exists():
        return []
    with open(file, newline="") as lines:
        return [{f: v if f in FIELDS[:2] else float(v) for f, v in row.items()} for row in csv.DictReader(lines)]


def parity(row):
    return max(row[f"parity_{column}"] for column in HIDDEN[row["hidden"]])


def means(rows, method):
    """For each alpha `(alpha, parity, accuracy)`, means over the seeds that did not diverge."""
    rows = [row for row in rows if row["method"] == method and np.isfinite(row["accuracy"])]
    alphas = sorted({row["alpha"] for row in rows})
    of = {alpha: [row for row in rows if row["alpha"] == alpha] for alpha in alphas}
    return [(a, np.mean([parity(r) for r in of[a]]), np.mean([r["accuracy"] for r in of[a]])) for a in alphas]


def accuracy_at(points, goal=GOAL):
    """The accuracy where the best of the means reach a parity difference of `goal`, on the straight line between the
    nearest two; `None` if none is that fair."""
    front, best = [], -1.0
    for _, difference, accuracy in sorted(points, key=lambda point: point[1]):
        if accuracy > best:
            front.append((difference, accuracy))
            best = accuracy
    if not front or front[0][0] > goal:
        return None
    return float(np.interp(goal, *zip(*front, strict=True)))


def spread(values):
    values = [value for value in values if np.isfinite(value)]
    if not values:
        return "diverged"
    return f"{np.mean(values):.4f} ± {np.std(values, ddof=min(1, len(values) - 1)):.4f}"


def table_of(rows):
    """Mean and standard deviation over the seeds, as Markdown."""
    lines = [
        "| hidden | method | alpha | accuracy | parity, sex | parity, race | AUC of sex, linear / trees | seconds |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name in HIDDEN:
        for method in METHODS:
            for alpha in sorted({row["alpha"] for row in rows if (row["hidden"], row["method"]) == (name, method)}):
                key = (name, method, alpha)
                cell = [row for row in rows if (row["hidden"], row["method"], row["alpha"]) == key]
                went = sum(np.isnan(row["accuracy"]) for row in cell)
                note = f" ({went} of {len(cell)} diverged)" if 0 < went < len(cell) else ""
                of = {field: [row[field] for row in cell] for field in cell[0] if field not in ("hidden", "method")}
                lines.append(
                    f"| {name} | {NAMES[method]} | {'' if method == 'logistic' else f'{alpha:g}'} | "
                    f"{spread(of['accuracy'])}{note} | {spread(of['parity_sex'])} | {spread(of['parity_race'])} | "
                    f"{np.nanmean(of['auc_linear']):.3f} / {np.nanmean(of['auc_trees']):.3f} | "
                    f"{np.median(of['seconds']):.1f} |"
                )
    return "\n".join(lines)


def summary(rows):
    """What the goal asks: accuracy at the same parity, and the ratio of the times."""
    lines = []
    for name in HIDDEN:
        of = [row for row in rows if row["hidden"] == name]
        seconds = {m: np.median([row["seconds"] for row in of if row["method"] == m]) for m in ("kgan", "fairlearn")}
        reached = {m: accuracy_at(means(of, m)) for m in ("kgan", "fairlearn")}
        said = [
            f"{NAMES[m]} {'is never that fair' if at is None else f'{at:.4f}'} ({seconds[m]:.1f} s a fit)"
            for m, at in reached.items()
        ]
        ratio = seconds["kgan"] / seconds["fairlearn"]
        lines.append(
            f"{name}: accuracy at a parity difference of {GOAL}: {'; '.join(said)}; ratio of times {ratio:.2f}"
        )
    return "\n".join(lines)


def draw(rows, out):
    figure, axes = plt.subplots(1, len(HIDDEN), figsize=(11, 4.4), sharey=True, layout="constrained")
    for ax, name in zip(axes, HIDDEN, strict=True):
        of = [row for row in rows if row["hidden"] == name]
        for method, colour in COLOURS.items():
            points = means(of, method)
            single = [row for row in of if row["method"] == method]
            ax.plot(
                [max(LEFT, parity(r)) for r in single],
                [r["accuracy"] for r in single],
                "o",
                color=colour,
                alpha=0.3,
                ms=4,
            )
            style = "s" if method == "logistic" else "o-"
            ax.plot(*zip(*[p[1:] for p in points], strict=True), style, color=colour, lw=2, ms=7, label=NAMES[method])
            for alpha, x, y in points if method != "logistic" else ():
                below = method == "fairlearn"
                offset, side = ((0, -13), "center") if below else ((0, 7), "center")
                ax.annotate(f"{alpha:g}", (x, y), offset, textcoords="offset points", color=colour, ha=side, fontsize=8)
        ax.axvline(GOAL, color="0.6", lw=1, ls=":")
        ax.set_title(f"{name} hidden")
        ax.set_xlabel("demographic-parity difference" + (", the larger one" if len(HIDDEN[name]) > 1 else ""))
        ax.set_xscale("log")
        ax.set_xlim(LEFT * 0.9, 0.4)
        ax.set_xticks(ticks := [0.005, 0.01, 0.02, 0.05, 0.1, 0.2], [f"{t:g}" for t in ticks])
        ax.minorticks_off()
        ax.grid(alpha=0.3)
        ax.spines[["top", "right"]].set_visible(False)
    axes[0].set_ylabel("accuracy on the test rows")
    axes[0].legend(frameon=False, loc="upper left", title="numbers: alpha; faint: single seeds")
    Path(out).parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(out, dpi=110)
    plt.close(figure)


def main(data=None, openml=False, quick=False, seeds=3, out=FIGURES / "adult.png"):
    table, out = people(data, openml, quick), Path(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    alphas = {"logistic": (0,), "kgan": ALPHAS, "fairlearn": FAIRLEARN_ALPHAS}
    runs = {"logistic": 1, "kgan": seeds, "fairlearn": seeds}
    if quick:
        alphas, runs = {"logistic": (0,), "kgan": (0, 1), "fairlearn": (1,)}, dict.fromkeys(runs, 1)
    rows = [] if quick else measured(out.with_suffix(".csv"))
    done = {(row["hidden"], row["method"], row["alpha"], row["seed"]) for row in rows}
    with open(out.with_suffix(".csv"), "a" if rows else "w", newline="") as file:
        writer = csv.writer(file)
        if not rows:
            writer.writerow([*FIELDS, "seconds"])
        for seed in range(max(runs.values())):
            for name in HIDDEN:
                for method in METHODS:
                    for alpha in alphas[method] if seed < runs[method] else ():
                        if (name, method, alpha, seed) in done:
                            continue
                        row = measure(method, table, name, alpha, seed, 1 if quick else EPOCHS[method])
                        rows.append(row)
                        numbers = [f"{row[field]:.4f}" for field in FIELDS[4:]]
                        writer.writerow([name, method, alpha, seed, *numbers, f"{row['seconds']:.2f}"])
                        file.flush()
            print(f"seed {seed} done", flush=True)
    print(f"\n{table_of(rows)}\n\n{summary(rows)}")
    draw(rows, out)
    return rows


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="CSV file of the table")
    parser.add_argument("--openml", action="store_true", help="download the table instead")
    parser.add_argument("--quick", action="store_true", help="made-up people, one seed, one epoch")
    parser.add_argument("--seeds", type=int, default=3, help="how many")
    parser.add_argument("--out", type=Path, default=FIGURES / "adult.png", help="PNG; a CSV lies beside it")
    main(**vars(parser.parse_args()))
