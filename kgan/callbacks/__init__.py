"""Callbacks for `fit`: sample grids, checkpoints to go on from, histories, progress and who wins."""

from kgan.callbacks.history_file import HistoryFile
from kgan.callbacks.progress import Progress
from kgan.callbacks.resume_point import ResumePoint
from kgan.callbacks.sample_grid import SampleGrid
from kgan.callbacks.stopwatch import Stopwatch
from kgan.callbacks.winner_notice import WinnerNotice

__all__ = ["HistoryFile", "Progress", "ResumePoint", "SampleGrid", "Stopwatch", "WinnerNotice"]
