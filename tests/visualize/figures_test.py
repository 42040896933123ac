import warnings

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from kgan.visualize.figures import as_label, save_figure


@pytest.mark.parametrize(
    ("text", "label"),
    [("cat", "cat"), ("$x^2$", r"\$x^2\$"), ("_nolegend_", " _nolegend_"), ("a\nb\x1b", r"a\nb\x1b"), (7, "7")],
)
def test_names_are_drawn_letter_by_letter(text, label):
    assert as_label(text) == label


def test_labels_are_what_matplotlib_draws_and_lists():
    axes = Figure().subplots()
    axes.plot([0, 1], label=as_label("_a$b$c"))
    (text,) = axes.legend().get_texts()
    assert text.get_text() == r" _a\$b\$c"
    # As the text that matplotlib has measured: no formula among it.
    from matplotlib.cbook import is_math_text

    assert not is_math_text(text.get_text())


def test_a_figure_is_a_png_of_its_size_and_warns_of_nothing(tmp_path):
    figure = Figure(figsize=(2, 1), dpi=100)
    figure.text(0.1, 0.5, "words")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        save_figure(figure, tmp_path / "new" / "figure.png")
    with Image.open(tmp_path / "new" / "figure.png") as picture:
        assert picture.format == "PNG" and picture.size == (200, 100) and np.asarray(picture).min() == 0


def test_letters_that_the_font_lacks_are_counted_once_at_the_users_line(tmp_path):
    figure = Figure()
    figure.text(0, 0, "\u732b\u72ac\u732b")  # two signs of three letters
    with pytest.warns(UserWarning) as heard:
        save_figure(figure, tmp_path / "figure.png")
    (warning,) = heard
    assert warning.filename == __file__ and str(tmp_path / "figure.png") in str(warning.message)
    assert str(warning.message).startswith("the font has no sign for 2 of the letters in the names")


def test_other_warnings_are_passed_on_and_a_failure_leaves_nothing(tmp_path):
    class Odd(Figure):
        def savefig(self, *arguments, **options):
            warnings.warn("odd", DeprecationWarning, stacklevel=1)
            if self.get_label() == "fails":
                raise OSError("no")
            super().savefig(*arguments, **options)

    with pytest.warns(DeprecationWarning, match="odd"):
        save_figure(Odd(), tmp_path / "figure.png")
    failing = Odd()
    failing.set_label("fails")
    with pytest.raises(OSError, match="no"):
        save_figure(failing, tmp_path / "other.png")
    assert [path.name for path in tmp_path.iterdir()] == ["figure.png"]
