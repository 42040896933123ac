"""Text that others wrote, fit to be printed: names of files and classes, keys, what other libraries say.

A name may hold escape sequences, which clear a screen or colour it, line breaks, which forge a line that seems to be
kgan's, and marks that turn the order of letters around. All of them are shown as Python writes them in a string.
"""

import os
import re
import shlex
import unicodedata

# Joiners make one emoji of several, and shape letters of Persian and Indian scripts: alone they show nothing.
_KEPT = "\u200c\u200d"
# Control and format characters, lone surrogates (stray bytes of a file name), and what breaks a line.
_ESCAPED = ("Cc", "Cf", "Cs", "Zl", "Zp")
_MOST = 100  # characters of a name in a sentence
_MOST_OF_A_MESSAGE = 300
_NODE = re.compile(r"\{\{.*?\}\} ")  # where TensorFlow was, at the beginning of its messages


def printable(text: object) -> str:
    r"""`text` on one line, with what no terminal should get as escapes: `\x1b`, `\n`, `\u202e`, `\udcff`.

    Letters of any script and emoji stay, and so do backslashes: printable text stays as it is.

    Examples:
        >>> printable("two\nlines, café, \x1b[2J")
        'two\\nlines, café, \\x1b[2J'
    """
    text = str(text)
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escape(c) if unicodedata.category(c) in _ESCAPED and c not in _KEPT else c for c in text)


def shortened(text: object, most: int = _MOST) -> str:
    """`printable(text)`, of more than `most` characters only the beginning and the end, with an ellipsis between."""
    text = str(text)
    if len(text) > most:
        end = most // 3
        text = text[: most - end - 1] + "…" + text[len(text) - end :]
    return printable(text)


def first_line(error: object) -> str:
    """The first line of what another library says, as a part of a sentence: printable, without a full stop.

    Args:
        error: an exception, whose class stands for a message that is empty.
    """
    lines = _NODE.sub("", str(error)).strip().splitlines() or [type(error).__name__]
    return shortened(lines[0].strip(), _MOST_OF_A_MESSAGE).rstrip(".")


def storable(text: str) -> str:
    r"""`text` as UTF-8 can hold it: the stray bytes of a file name become escapes such as `\udcff`, nothing else."""
    return text.encode("utf-8", "backslashreplace").decode()


def shell_word(path: str | os.PathLike) -> str:
    r"""A path, or a name, as one word of a command to print, which a shell reads back as it was.

    What is not printable is written as in `$'\033'`, which bash, zsh, ksh and POSIX 2024 read; a path that begins as
    a flag does begins with the folder it is in.
    """
    text = os.fspath(path)
    text = os.path.join(os.curdir, text) if text.startswith("-") else text
    if printable(text) == text:
        return shlex.quote(text)
    plain = (c.replace("\\", r"\\").replace("'", r"\'") if printable(c) == c else _as_bytes(c) for c in text)
    return f"$'{''.join(plain)}'"


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode()


def _as_bytes(character: str) -> str:
    # Three octal digits: what follows them, whatever it is, is not taken for a part.
    stray = "\udc80" <= character <= "\udcff"
    return "".join(
        f"\\{byte:03o}" for byte in character.encode("utf-8", "surrogateescape" if stray else "surrogatepass")
    )
