"""The figures of attacks show the numbers that they were given."""

import numpy as np

from kgan.visualize.attacks import plot_accuracy, plot_attacked

COLOURS = {"right": "#0072B2", "wrong": "#D55E00"}


def test_the_accuracy_its_interval_and_a_guess(tmp_path, figures, assert_is_figure):
    epsilons, accuracy = np.array([0, 1, 4]), np.array([0.9, 0.5, 0.1])
    options = {"guess": 0.3, "title": "PGD", "unit": "epsilon of 255"}
    plot_accuracy(epsilons, accuracy, (accuracy - 0.05, accuracy + 0.05), tmp_path / "curve.png", **options)
    assert_is_figure(tmp_path / "curve.png")
    (axes,) = figures[0].axes
    curve, guess = axes.get_lines()
    np.testing.assert_array_equal(curve.get_xydata(), np.c_[epsilons, accuracy])
    assert set(guess.get_ydata()) == {0.3}
    band = axes.collections[0].get_paths()[0].vertices
    for x, y in zip(epsilons, accuracy, strict=True):
        np.testing.assert_allclose(np.sort(np.unique(band[band[:, 0] == x, 1].round(9))), [y - 0.05, y + 0.05])
    assert (axes.get_title(loc="left"), axes.get_xlabel()) == ("PGD", "epsilon of 255")
    assert [text.get_text() for text in axes.get_legend().get_texts()] == [
        "95 % interval",
        "accuracy",
        "always the largest class",
    ]


def test_images_before_and_after_and_what_is_said_of_them(tmp_path, figures, assert_is_figure):
    before = np.random.default_rng(0).uniform(0.2, 0.8, (2, 5, 4, 3))
    after = before + np.array([0.1, -0.05])[:, None, None, None]
    said = np.array([[0.8, 0.2], [0.3, 0.7]]), np.array([[0.4, 0.6], [0.1, 0.9]])
    names = ["a name of more than eighteen letters", "b$"]
    options = {"targets": [0, 1], "class_names": names, "title": "FGSM"}
    plot_attacked(before, after, said, tmp_path / "images.png", **options)
    assert_is_figure(tmp_path / "images.png", width=400)
    axes = np.reshape(figures[0].axes, (3, 2))
    drawn = [[np.asarray(one.get_images()[0].get_array()) for one in line] for line in axes]
    np.testing.assert_allclose(drawn[0], before)
    np.testing.assert_allclose(drawn[2], after)
    np.testing.assert_allclose(drawn[1][0], 1.0)  # the largest change is white, and half of it down is dark grey
    np.testing.assert_allclose(drawn[1][1], 0.25)
    assert [line[0].get_ylabel() for line in axes] == ["original", "perturbation", "attacked"]
    labels = [[one.get_xlabel() for one in line] for line in axes]
    assert labels[0] == ["a name of more th…\n80.0%", "b\\$\n70.0%"] and labels[1] == ["", ""]
    assert labels[2] == ["b\\$\n60.0%", "b\\$\n90.0%"]
    colours = [[one.xaxis.label.get_color() for one in line] for line in axes[[0, 2]]]
    assert colours == [[COLOURS["right"], COLOURS["right"]], [COLOURS["wrong"], COLOURS["right"]]]


def test_grey_images_that_did_not_change(tmp_path, figures):
    images = np.full((1, 4, 4, 1), 0.5)
    said = np.array([[1.0, 0.0]])
    options = {"targets": [0], "class_names": ["a", "b"], "title": "nothing"}
    with np.errstate(all="raise"):
        plot_attacked(images, images, (said, said), tmp_path / "images.png", **options)
    for one in figures[0].axes:
        np.testing.assert_array_equal(one.get_images()[0].get_array(), np.full((4, 4), 0.5))
