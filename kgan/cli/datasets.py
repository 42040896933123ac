"""`kgan datasets`: what there is to train on."""

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from kgan import datasets as sources
from kgan.cli.common.screen import say
from kgan.foreign_text import printable
from kgan_command.settings.datasets import DatasetsSettings


def datasets(settings: DatasetsSettings) -> int:
    """Lists the data sets, or downloads one; returns the exit code."""
    console = Console()
    if settings.download is not None:
        say(console, f"{settings.download}: {sources.download(settings.download)}")
        return 0
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
    return 0
