"""`kgan datasets`: what there is to train on."""

import typer
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from kgan import datasets as sources
from kgan.foreign_text import printable


def datasets(
    download: str | None = typer.Option(None, metavar="NAME", help="download this data set; nothing else does"),
):
    """Lists the data sets and says whether each is on this machine."""
    console = Console()
    if download is not None:
        console.print(
            printable(f"{download}: {sources.download(download)}"), highlight=False, markup=False, soft_wrap=True
        )
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name, options in {
        "name": {"style": "cyan", "no_wrap": True},
        "here": {"no_wrap": True},
        "images": {"justify": "right", "no_wrap": True},
        "size": {"no_wrap": True},
        "what it is, and where": {},
    }.items():
        table.add_column(name, **options)
    for info in sources.available():
        table.add_row(
            escape(printable(info.name)),
            "[green]yes[/]" if info.available else "[yellow]no[/]",
            f"{info.size:,}" if info.size else "",
            "x".join(map(str, info.image_shape)) if info.image_shape else "",
            f"{info.description}\n[dim]{escape(printable(info.location))}[/]",
        )
    console.print(table)
    console.print(
        "Also: a folder of images, whose folders are classes; an .npz or .npy file; tfds:NAME.\n"
        "kgan datasets --download NAME fetches one that is not here.",
        highlight=False,
    )
