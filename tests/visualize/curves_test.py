import os

import numpy as np
import pytest
from PIL import Image

from kgan.visualize import plot_history

LOSSES = {"generator_loss": [1.0, 1.2, 1.3], "discriminator_loss": [1.1, 0.9, 0.8]}
OUTPUTS = {"real_output": [0.0, 1.0, 2.0], "fake_output": [0.0, -1.0, -2.0]}
PENALTIES = {"r1": [0.1, 0.2, 0.1], "gradient_penalty": [0.3, 0.2, 0.1]}


def drawn(figure):
    """Panel title -> {legend label: (x, y)} of the lines in a figure."""
    return {
        axes.get_title(loc="left"): {line.get_label(): line.get_xydata().T.tolist() for line in axes.get_lines()}
        for axes in figure.axes
    }


def test_a_history_has_a_panel_for_each_kind_of_value(tmp_path, figures):
    plot_history(LOSSES | OUTPUTS | PENALTIES | {"learning_rate": [1e-3, 1e-4, 1e-5]}, tmp_path / "history.png")
    panels = drawn(figures[0])
    assert {title: sorted(lines) for title, lines in panels.items()} == {
        "loss": ["discriminator loss", "generator loss"],
        "mean discriminator output": ["fake output", "real output"],
        "penalty": ["gradient penalty", "r1"],
        "other values": ["learning rate"],
    }
    assert panels["loss"]["generator loss"] == [[1, 2, 3], [1.0, 1.2, 1.3]]
    assert all(axes.get_xlabel() == "epoch" and axes.get_legend() for axes in figures[0].axes)
    with Image.open(tmp_path / "history.png") as picture:
        assert picture.width > picture.height > 300
    assert os.listdir(tmp_path) == ["history.png"]


def test_panels_without_values_are_left_out_and_validation_is_dashed(tmp_path, figures):
    plot_history({"loss": [1.0, 0.5], "val_loss": [1.1, np.nan]}, tmp_path / "history.png")
    (axes,) = figures[0].axes
    train, validation = axes.get_lines()
    assert train.get_color() == validation.get_color()
    assert (train.get_linestyle(), validation.get_linestyle()) == ("-", "--")


def test_a_run_of_one_epoch_shows_points(tmp_path, figures):
    plot_history({"loss": [1.0]}, tmp_path / "history.png")
    assert figures[0].axes[0].get_lines()[0].get_marker() == "o"


@pytest.mark.parametrize("history", [{}, {"loss": []}, {"loss": ["a"]}, {"loss": 3.0}, {"loss": [[1.0, 2.0]]}])
def test_a_history_without_curves_is_refused(tmp_path, history):
    with pytest.raises(ValueError, match="history"):
        plot_history(history, tmp_path / "history.png")
    assert not os.listdir(tmp_path)


def test_a_path_of_another_format_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"\.png"):
        plot_history({"loss": [1.0]}, tmp_path / "history.pdf")
    assert not os.listdir(tmp_path)
