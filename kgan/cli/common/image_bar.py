"""How far a pass over images is, on the screen."""

import keras
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar


class ImageBar(keras.callbacks.Callback):
    """A bar over the images that go through the base once; in a log file, a line.

    As a callback of `fit` it ends when the features are there and training begins; as a context, wherever it is.

    Args:
        console: where to write.
        what: what is done with the images.
        total: how many images.
    """

    def __init__(self, console: Console, what: str, total: int):
        super().__init__()
        self._bar, self._total = None, total
        if not console.is_terminal:
            console.print(f"{what} of {total:,} images", highlight=False)
            return
        columns = TextColumn("{task.description}"), BarColumn(None), MofNCompleteColumn(), TimeRemainingColumn()
        self._bar = Bar(*columns, console=console, expand=True)
        self._task = self._bar.add_task(what, total=total)
        self._bar.start()

    def watch(self, done: int) -> None:
        """Moves the bar to so many images; takes no notice once it has ended, or of a pass that only begins."""
        bar = self._bar
        if bar is not None and done:
            bar.update(self._task, completed=done)

    def on_train_begin(self, logs=None):
        self.finish()

    def finish(self) -> None:
        """Ends the bar with all images done."""
        self.watch(self._total)
        self.__exit__()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        bar, self._bar = self._bar, None
        if bar is not None:
            bar.stop()
