import os

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from PIL import Image
from sklearn.metrics import confusion_matrix

from kgan.visualize import plot_confusion_matrix

BLUE, ORANGE = "#0072B2", "#D55E00"


def drawn(figure):
    """{(row, column): the lines of text in that cell} and the colours of all cells."""
    axes, cells = figure.axes[0], {}
    for text in axes.texts:
        column, row = (int(round(place)) for place in text.get_position())
        cells.setdefault((row, column), []).append(text.get_text())
    return cells, np.asarray(axes.get_images()[0].get_array())


def test_a_cell_shows_its_count_and_its_share_of_the_row(tmp_path, figures):
    true = [0] * 10 + [1] * 4 + [2] * 1000
    predicted = [0] * 9 + [2] + [1] * 4 + [2] * 998 + [0, 1]
    counts = confusion_matrix(true, predicted)
    plot_confusion_matrix(counts, tmp_path / "picture.png", class_names=["cat", "dog", "$cow$"])
    cells, _ = drawn(figures[0])
    assert cells == {
        (0, 0): ["9", "90 %"],
        (0, 2): ["1", "10 %"],
        (1, 1): ["4", "100 %"],
        (2, 0): ["1", "< 1 %"],
        (2, 1): ["1", "< 1 %"],
        (2, 2): ["998", "> 99 %"],
    }
    axes = figures[0].axes[0]
    assert axes.get_title() == "1,011 of 1,014 right (> 99 %)"
    # Escaped, so that it is no formula.
    assert [label.get_text() for label in axes.get_yticklabels()] == ["cat", "dog", r"\$cow\$"]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["cat", "dog", r"\$cow\$"]
    assert (axes.get_ylabel(), axes.get_xlabel()) == ("true class", "predicted class")
    # Row 0 is at the top.
    assert axes.get_ylim()[0] > axes.get_ylim()[1]
    assert os.listdir(tmp_path) == ["picture.png"]


def test_right_answers_are_blue_and_mistakes_orange_the_darker_the_more(tmp_path, figures):
    plot_confusion_matrix([[3, 1, 0], [0, 4, 0], [8, 0, 0]], tmp_path / "picture.png")
    _, colors = drawn(figures[0])
    np.testing.assert_allclose(colors[1, 1, :3], to_rgb(BLUE), atol=0.01)
    np.testing.assert_allclose(colors[2, 0, :3], to_rgb(ORANGE), atol=0.01)
    # Half of the way from white for a quarter of the row, by the square root.
    np.testing.assert_allclose(colors[0, 1, :3], (1 + np.array(to_rgb(ORANGE))) / 2, atol=0.01)
    np.testing.assert_allclose(colors[0, 0, :3], 0.25 + 0.75 * np.array(to_rgb(BLUE)), atol=0.01)
    assert (colors[[0, 1, 1, 2, 2], [2, 0, 2, 1, 2], :3] == 1).all()


def test_a_class_without_images_is_an_empty_row(tmp_path, figures):
    counts = np.diag([2] * 13)
    counts[5, 5] = 0
    plot_confusion_matrix(counts, tmp_path / "picture.png")
    cells, colors = drawn(figures[0])
    assert (5, 5) not in cells and (colors[5, :, :3] == 1).all()
    (beside,) = figures[0].axes[0].child_axes
    assert [label.get_text() for label in beside.get_yticklabels()] == ["100 %"] * 5 + ["none"] + ["100 %"] * 7


@pytest.mark.slow
@pytest.mark.parametrize("classes, texts, names", [(12, 2, 12), (13, 1, 13), (40, 1, 40), (41, 0, 41), (150, 0, 50)])
def test_what_finds_no_room_is_left_out(tmp_path, figures, classes, texts, names):
    plot_confusion_matrix(np.diag(range(1, classes + 1)), tmp_path / "picture.png")
    cells, _ = drawn(figures[0])
    assert sum(map(len, cells.values())) == texts * classes
    axes = figures[0].axes[0]
    assert len(axes.get_xticks()) == len(axes.get_yticks()) == names
    assert bool(axes.child_axes) is (classes > 12)


@pytest.mark.parametrize(
    "names", [["a", "b"], ["a very long name of a class of pictures", "b" * 30], [str(i) * 9 for i in range(14)]]
)
def test_nothing_lies_outside_of_the_picture_or_over_another_name(tmp_path, figures, names):
    plot_confusion_matrix(np.eye(len(names), dtype=int) * 1000, tmp_path / "picture.png", class_names=names)
    figure = figures[0]
    axes = figure.axes[0]
    inside = figure.bbox
    labels = [*axes.get_xticklabels(), *axes.get_yticklabels(), axes.title, axes.xaxis.label, axes.yaxis.label]
    for label in labels:
        box = label.get_window_extent()
        assert inside.x0 <= box.x0 and box.x1 <= inside.x1 and inside.y0 <= box.y0 and box.y1 <= inside.y1, label
    for row in (axes.get_yticklabels(), () if axes.get_xticklabels()[0].get_rotation() else axes.get_xticklabels()):
        boxes = [label.get_window_extent() for label in row]
        assert not any(a.overlaps(b) for a, b in zip(boxes, boxes[1:], strict=False))
    assert all(len(label.get_text()) <= 24 for label in axes.get_yticklabels())
    with Image.open(tmp_path / "picture.png") as picture:
        assert min(picture.size) > 200


@pytest.mark.parametrize(
    "counts, names, sentence",
    [
        (np.ones((2, 3), int), None, r"shape \(classes, classes\), but have \(2, 3\)"),
        (np.ones((0, 0), int), None, "shape"),
        ([[0.5, 1], [1, 1]], None, "whole numbers from 0 up"),
        ([[-1, 1], [1, 1]], None, "whole numbers from 0 up"),
        ([[np.nan, 1], [1, 1]], None, "whole numbers from 0 up"),
        ([["a", "b"], ["c", "d"]], None, "whole numbers from 0 up"),
        (np.eye(2), ["cat"], "name the 2 classes of counts, but there are 1"),
    ],
)
def test_what_is_no_confusion_matrix_is_refused(tmp_path, counts, names, sentence):
    with pytest.raises(ValueError, match=sentence):
        plot_confusion_matrix(counts, tmp_path / "picture.png", class_names=names)
    with pytest.raises(ValueError, match=r"\.png"):
        plot_confusion_matrix(np.eye(2), tmp_path / "picture.pdf")
    assert not os.listdir(tmp_path)
