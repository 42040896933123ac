"""Names of any letters in figures, and images of any numbers: a sentence of ours, or silence."""

import numpy as np
import pytest
from PIL import Image

from kgan import visualize
from kgan.visualize.figures import as_label

NASTY = ["$x$", "$", r"$\frac{1}{", "_hidden", "a\nb", "\x1b[2J", "\udc80", r"back\slash", "%s {0}"]


@pytest.mark.slow
@pytest.mark.filterwarnings("error")
def test_names_with_signs_of_formulas_lines_and_control_characters_are_drawn(tmp_path):
    n = len(NASTY)
    codes = np.random.default_rng(0).normal(size=(n, 2))
    visualize.plot_confusion_matrix(np.eye(n, dtype=int), tmp_path / "confusion.png", class_names=NASTY)
    visualize.latent_map(codes, np.array(NASTY), path=tmp_path / "map.png")
    visualize.plot_history({name + "_loss": [1.0, 2.0] for name in NASTY}, tmp_path / "history.png")
    for name in ("confusion", "map", "history"):
        assert np.asarray(Image.open(tmp_path / f"{name}.png").convert("L")).std() > 0


def test_letters_that_the_font_lacks_are_told_of_once(tmp_path):
    with pytest.warns(UserWarning) as found:
        visualize.plot_confusion_matrix(np.eye(2, dtype=int), tmp_path / "a.png", class_names=["猫", "犬"])
    (warning,) = found
    assert str(warning.message).startswith("the font has no sign for 2 of the letters in the names")
    assert warning.filename == __file__


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("cat", "cat"),
        ("$x$", r"\$x\$"),
        ("_a", " _a"),
        ("a\nb", r"a\nb"),
        ("\x1b[2J", r"\x1b[2J"),
        ("猫", "猫"),
        (3, "3"),
    ],
)
def test_labels_are_drawn_letter_by_letter(text, label):
    assert as_label(text) == label


@pytest.mark.filterwarnings("error")
def test_images_of_any_numbers():
    images = np.zeros((2, 3, 3, 1))
    images[0, 0, 0, 0], images[1, 0, 0, 0] = np.inf, -1e300
    grid = visualize.image_grid(images, columns=2, padding=0, scale=1)
    assert grid[0, 0, 0] == 255 and grid[0, 3, 0] == 0
    with pytest.raises(ValueError, match="images hold NaN, which is no colour"):
        visualize.image_grid(np.full((1, 2, 2, 1), np.nan))
    with pytest.raises(ValueError, match="a grid of .* pixels would take .* lower scale or padding"):
        visualize.image_grid(images, scale=10**7)
    with pytest.raises(ValueError, match="the codes of .* images would take .* lower n"):
        visualize.manifold(lambda codes: codes, low=0, high=1, n=10**8)
    with pytest.raises(ValueError, match="counts must be whole numbers"):
        visualize.plot_confusion_matrix(np.full((2, 2), 1e300), "a.png")
