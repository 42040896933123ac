"""Accuracy, fairness and leakage of a classifier on one page."""

from __future__ import annotations

import dataclasses
import textwrap

import numpy as np

from kgan.metrics import intervals
from kgan.metrics.fairness import as_target_and_predicted, intersection, odds_of, parity_of, read_sensitive
from kgan.metrics.intervals import Estimate
from kgan.metrics.leakage import Leakage, as_features, leakage

_WIDTH = 96
_LONGEST_NAME = 24


@dataclasses.dataclass(frozen=True)
class GroupDifferences:
    """How differently a classifier treats the groups of a sensitive column, or of several together.

    Attributes:
        groups: how many groups there are.
        smallest: rows of the smallest group.
        smallest_of_a_class: rows of the smallest group within a true class. Where it is 0, this group is left out
            for this class.
        cut: the largest value of the lower group, if the column is continuous and was cut at its median.
        demographic_parity: see `kgan.metrics.demographic_parity_difference`.
        equalized_odds: see `kgan.metrics.equalized_odds_difference`.
    """

    groups: int
    smallest: int
    smallest_of_a_class: int
    demographic_parity: Estimate
    equalized_odds: Estimate
    cut: float | None = None


@dataclasses.dataclass(frozen=True)
class FairnessReport:
    """How right and how fair a classifier is, and what its representations give away; `print` shows it as a page.

    Attributes:
        rows: how many rows it was measured on.
        accuracy: share of right predictions.
        largest_class: the true class that is most frequent.
        majority: its share, the accuracy of always answering it.
        differences: `{column: GroupDifferences}`, for each sensitive column, and for all of them taken together (named
            as in `"sex x race"`) if there are several.
        leakage: for each representation and column the `Leakage` of both probes.
    """

    rows: int
    accuracy: Estimate
    largest_class: object
    majority: float
    differences: dict[str, GroupDifferences]
    leakage: list[Leakage]

    def as_dict(self) -> dict:
        """Everything as dicts, lists and Python's own numbers, as JSON takes them."""
        return dataclasses.asdict(self)

    def __str__(self) -> str:
        parts = [self._accuracy(), self._differences()]
        if self.leakage:
            parts.append(self._leakage())
        return "\n\n".join(parts)

    def _accuracy(self):
        always = f"always answering {self.largest_class!r}, the most frequent class: {self.majority:.3f}"
        return "\n".join(
            [
                f"FAIRNESS REPORT on {self.rows:,} rows. (In brackets: 95 % confidence intervals.)",
                "",
                "ACCURACY: the share of right predictions.",
                f"  {self.accuracy}",
                *textwrap.wrap(always, _WIDTH, initial_indent="  ", subsequent_indent="  "),
            ]
        )

    def _differences(self):
        table = [["groups of", "number", "smallest", "demographic parity", "equalized odds"]]
        for name, found in self.differences.items():
            table.append(
                [
                    name,
                    str(found.groups),
                    f"{found.smallest:,} rows",
                    str(found.demographic_parity),
                    str(found.equalized_odds),
                ]
            )
        text = [
            "DIFFERENCES BETWEEN GROUPS: 0 is the fairest, 1 the least fair.",
            "Demographic parity: how much more often one group is predicted a class than another. Equalized odds: "
            "the same among rows of one true class. Of all pairs of groups and all classes the largest difference "
            "counts, which small groups exaggerate: an interval from 0 means that it may be chance.",
        ]
        text += [
            f"{name} is cut at its median into two groups, up to {found.cut:g} and above it."
            for name, found in self.differences.items()
            if found.cut is not None
        ]
        empty = [name for name, found in self.differences.items() if not found.smallest_of_a_class]
        if empty:
            text.append(
                f"Equalized odds leave out, for each true class, groups of {', '.join(empty)} that have no row of it."
            )
        return _section(text, table)

    def _leakage(self):
        sections = []
        groups = [found for found in self.leakage if found.auc]
        numbers = [found for found in self.leakage if found.r2]
        text = [
            "LEAKAGE: what new classifiers find out about the sensitive columns.",
            "They are trained on half of the rows and tested on the other half.",
        ]
        if groups:
            table = [["read from", "column", "probe", "AUC", "accuracy", "majority"]]
            for found in groups:
                table.append([*_names(found), str(found.auc), str(found.accuracy), f"{found.majority:.3f}"])
            told = (
                "AUC: 0.5 if nothing leaks, 1 if everything does. Accuracy: equal to majority, the share of the "
                "largest group, if nothing leaks."
            )
            sections.append(_section([*text, told], table))
        if numbers:
            table = [["read from", "column", "probe", "R2"]]
            for found in numbers:
                table.append([*_names(found), str(found.r2)])
            told = "R2, the share of the variance that is found: 0 or less if nothing leaks, 1 if everything does."
            sections.append(_section([told] if groups else [*text, told], table))
        return "\n\n".join(sections)


def fairness_report(target, predicted, sensitive, representations=None, *, seed: int = 0) -> FairnessReport:
    """How right and how fair predictions are, and how much of the sensitive columns can be read from representations.

    All of it should come from rows that were held out of training.

    Args:
        target: the true class of each row, `(n,)`: whole numbers, strings or bools.
        predicted: the predicted class of each row, `(n,)`, named as in the target.
        sensitive: one sensitive column `(n,)` or several, as a dict, a data frame or `(n, columns)`. For differences
            between groups, floats of more than two values are cut at their median into two groups.
        representations: `{name: array (n, ...)}`, from which probes try to read each sensitive column, such as
            `{"representation": z, "prediction": probabilities}`. The true target among them, as `"target": y`, shows
            how much a perfect prediction would have to give away.
        seed: see `kgan.metrics.leakage`; nothing else is random.

    Returns:
        A `FairnessReport`; `print` it, or save `report.as_dict()` as JSON.

    Raises:
        ValueError: for missing values, misaligned rows, a sensitive column with a single value, or too few rows.

    Examples:

    ```python
    p, z = model.predict(x_test), model.transform(x_test)
    predicted = np.asarray(model.classes_)[p.argmax(axis=1)]
    print(kgan.metrics.fairness_report(y_test, predicted, sensitive_test, {"representation": z, "prediction": p}))
    ```
    """
    target, predicted = as_target_and_predicted(target, predicted)
    columns = read_sensitive(sensitive, len(target))
    representations = {name: as_features(values, name) for name, values in (representations or {}).items()}
    for name, values in representations.items():
        if len(values) != len(target):
            raise ValueError(
                f"{name} has {len(values)} rows, but target has {len(target)}: each row needs one of both."
            )
    together = [intersection(columns)] if len(columns) > 1 else []
    found, ids, sizes = np.unique(target, return_inverse=True, return_counts=True)
    differences = {}
    for column in columns + together:
        cells = np.bincount(ids * column.count + column.groups, minlength=len(found) * column.count)
        differences[column.name] = GroupDifferences(
            groups=column.count,
            smallest=column.smallest,
            smallest_of_a_class=int(cells.min()),
            demographic_parity=parity_of(predicted, column),
            equalized_odds=odds_of(target, predicted, column),
            cut=column.cut,
        )
    return FairnessReport(
        rows=len(target),
        accuracy=intervals.share((target == predicted).sum(), len(target)),
        largest_class=found[sizes.argmax()].item(),
        majority=float(sizes.max() / len(target)),
        differences=differences,
        leakage=[
            result for name, z in representations.items() for result in leakage(z, sensitive, seed=seed, name=name)
        ],
    )


def _names(found):
    return [found.name, found.column, found.probe]


def _section(text, table):
    """Paragraphs and an aligned table, within the width of the page."""
    longest = _LONGEST_NAME if len(table[0]) < 6 else 14
    table = [[_cut(cell, longest) if i < 2 else cell for i, cell in enumerate(row)] for row in table]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    rows = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in table]
    return "\n".join(
        [line for paragraph in text for line in textwrap.wrap(paragraph, _WIDTH)] + [""] + [f"  {r}" for r in rows]
    )


def _cut(text, longest):
    return text if len(text) <= longest else text[: longest - 3] + "..."
