"""What all figures share: text of others as it is, and a file that is written whole."""

import os
import warnings

from matplotlib.figure import Figure

from kgan import notices
from kgan.foreign_text import printable
from kgan.visualize.images import write_png

# How matplotlib begins what it says of a letter that it draws as a box.
_NO_GLYPH = "Glyph "


def as_label(text) -> str:
    """A name for a figure, letter by letter: no formula, no line break, no control character, and never left out."""
    text = printable(text)
    # A dollar sign would begin a formula, and a name that begins with an underscore is left out of legends.
    return (" " + text if text.startswith("_") else text).replace("$", r"\$")


def save_figure(figure: Figure, path: str | os.PathLike):
    """Writes a figure as PNG, whole or not at all, and says in one sentence if its font lacks letters."""
    say = notices.from_the_users_line()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        write_png(path, lambda temporary: figure.savefig(temporary, format="png"))
    for warning in caught:
        if not str(warning.message).startswith(_NO_GLYPH):
            warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
    missing = {str(warning.message) for warning in caught if str(warning.message).startswith(_NO_GLYPH)}
    if missing:
        say(
            f"the font has no sign for {len(missing)} of the letters in the names, which are boxes in {str(path)!r}: "
            "set matplotlib.rcParams['font.family'] to a font that has them."
        )
