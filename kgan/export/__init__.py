"""Exports that run without kgan: SavedModels and ONNX files."""

from kgan.export.onnx import export_onnx
from kgan.export.saved_model import export_classifier, export_generator
from kgan.export.target import check_target

__all__ = ["check_target", "export_classifier", "export_generator", "export_onnx"]
