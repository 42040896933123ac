"""A generator in the formats in which it can leave kgan."""

import os

from kgan.export import export_generator, export_onnx
from kgan.export.generator_interface import with_uint8_outputs

SAVED_MODEL = ("saved_model", "tf_saved_model")
FILES = ("onnx", "litert", "tflite")


def export(generator, path, format: str, num_classes, class_names, *, verbose=None, **kwargs):
    """Writes `generator` in `format`, see `GAN.export`."""
    if format in FILES and os.path.isdir(path):
        raise ValueError(f"{path} is a folder, but the format {format!r} is a file: choose another path.")
    if format in SAVED_MODEL or format == "onnx":
        if kwargs:
            raise ValueError(f"export in the format {format!r} takes no {', '.join(kwargs)}: its endpoints are fixed.")
        if format == "onnx":
            path = export_onnx(generator, path, num_classes=num_classes, class_names=class_names)
        else:
            path = export_generator(generator, path, num_classes=num_classes, class_names=class_names)
        if verbose:
            print(f"Saved artifact at '{path}'.")
        return path
    with_uint8_outputs(generator).export(path, format, verbose=bool(verbose), **kwargs)
    return path
