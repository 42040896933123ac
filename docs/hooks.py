"""What the site needs that lies outside of `docs`, and links that lead there.

Pages link to files as they lie in the repository, so that links work on its web page. In the site the folder `docs` is
the root, README is the front page, and each script is a page with its source; `on_page_markdown` rewrites the links.
"""

import ast
import pathlib
import posixpath
import re

from mkdocs.structure.files import File

ROOT = pathlib.Path(__file__).parents[1]
PAGES = ["CHANGELOG.md", "CONTRIBUTING.md", "benchmarks/README.md", "saved_models/README.md"]
FIGURES = ["benchmarks/figures/*.png", "examples/figures/*.png"]
SCRIPTS = ["benchmarks/*.py", "examples/*.py", "saved_models/*.py"]
TABLES = ["benchmarks/figures/*.csv"]
# `](target)` of links and images, and `[name]: target` of those by reference; no addresses, no bare anchors.
LINK = re.compile(r"(\]\(|^\[[^\]\n]+\]: )(?![a-z]+:|#)([^)#\s]+)(#[^)\s]*)?", re.M)
INCLUDED = '--8<-- "README.md"'


def on_files(files, config):
    for path in [*PAGES, *_found(FIGURES), *_found(TABLES)]:
        files.append(File.generated(config, path, abs_src_path=str(ROOT / path)))
    for path in _found(SCRIPTS):
        files.append(File.generated(config, _in_site(path), content=_script_page(path)))
    return files


def on_page_markdown(markdown, page, config, files):
    source = _in_repository(page.file.src_uri)
    if INCLUDED in markdown:
        source, markdown = "README.md", (ROOT / "README.md").read_text(encoding="utf-8")
    folder, here = posixpath.dirname(source), posixpath.dirname(page.file.src_uri)

    def moved(link):
        path = posixpath.normpath(posixpath.join(folder, link[2]))
        if (ROOT / path).is_dir():  # a folder of examples: the page that shows them
            path = {"examples": "docs/guide/lecture.md"}.get(path, path)
        return f"{link[1]}{posixpath.relpath(_in_site(path), here or '.')}{link[3] or ''}"

    # Not within blocks of code.
    parts = re.split(r"(^```.*?^```$)", markdown, flags=re.M | re.S)
    return "".join(part if part.startswith("```") else LINK.sub(moved, part) for part in parts)


def on_page_content(html, page, config, files):
    # The reference puts a dash between a type and its description, also where a docstring gives no type.
    return re.sub(r'(<li class="doc-section-item field-body">\s*)–', r"\1", html)


def _in_site(path: str) -> str:
    path = re.sub(r"\.py$", ".md", path.removeprefix("docs/"))
    return "index.md" if path == "README.md" else path


def _in_repository(src_uri: str) -> str:
    """Where the text of a page lies; the pages of scripts have no links of their own."""
    return src_uri if src_uri in PAGES else f"docs/{src_uri}"


def _found(patterns) -> list[str]:
    return sorted(path.relative_to(ROOT).as_posix() for pattern in patterns for path in ROOT.glob(pattern))


def _script_page(path: str) -> str:
    """A page with the first sentence of a script, its figure if it has one, and its source."""
    source, name = (ROOT / path).read_text(encoding="utf-8"), pathlib.PurePosixPath(path)
    sentence = (ast.get_docstring(ast.parse(source)) or "").split("\n\n")[0]
    figure = f"figures/{name.stem}.png"
    shown = f"![{name.stem}]({figure})\n\n" if (ROOT / name.parent / figure).exists() else ""
    return f"# {name.name}\n\n{sentence}\n\n    python {path}\n\n{shown}```python\n{source}```\n"
