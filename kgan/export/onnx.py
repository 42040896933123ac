"""Exporting generators as ONNX files."""

import json
from pathlib import Path

import keras

from kgan import files
from kgan.backend import keras_internals
from kgan.export.generator_interface import ToUint8, as_num_classes
from kgan.label_inputs import as_network_takes


def export_onnx(
    generator: keras.Model, path, *, num_classes: int | None = None, class_names: list[str] | None = None
) -> Path:
    """Writes an ONNX file of the generator: latents float32 `(n, latent_dim)`, and int32 labels `(n,)` of a conditional
    one, to uint8 images in 0..255 (or floats as they are, if they are not images).

    Its metadata hold `num_classes`, and `class_names` as a JSON list, where there are any.

    Args:
        generator: as for `export_generator`.
        path: file to write; it appears whole or not at all. An existing file there is replaced.
        num_classes: as for `export_generator`.
        class_names: as for `export_generator`.

    Returns:
        The path.

    Raises:
        ImportError: if the packages of the extra `onnx` are missing.
        ValueError: if the generator computes in another precision than float32, and as `export_generator`.
    """
    try:
        import onnx
        import tf2onnx  # noqa: F401
    except ImportError:
        raise ImportError("ONNX export needs more packages: pip install onnx tf2onnx.") from None
    num_classes = as_num_classes(generator, num_classes, class_names)
    if any(layer.compute_dtype != "float32" for layer in keras_internals.layers_within(generator)):
        raise ValueError(
            "ONNX runtimes compute in float32: build the generator with the dtype policy float32 and give it these "
            "weights."
        )
    path = Path(path).resolve()
    path.parent.mkdir(parents=True, exist_ok=True)
    latents = keras.Input((generator.inputs[0].shape[-1],), dtype="float32", name="latents")
    labels = keras.Input((), dtype="int32", name="labels")
    conditional = len(generator.inputs) == 2
    images = generator([latents, _LabelsAs(generator.inputs[1])(labels)] if conditional else latents)
    inputs = [latents, labels] if conditional else [latents]
    specs = [keras.InputSpec(shape=i.shape, dtype=i.dtype, name=i.name) for i in inputs]

    def write(temporary):
        keras.Model(inputs, ToUint8()(images)).export(
            temporary, format="onnx", input_signature=[specs] if conditional else specs, verbose=False
        )
        if conditional:
            facts = {"num_classes": str(num_classes or 0)}
            facts |= {"class_names": json.dumps(list(class_names))} if class_names is not None else {}
            model = onnx.load(temporary)
            onnx.helper.set_model_props(model, facts)
            onnx.save(model, temporary)

    files.write_file(path, write)
    return path


class _LabelsAs(keras.layers.Layer):
    """`as_network_takes` as a layer."""

    def __init__(self, wanted):
        super().__init__()
        self._wanted = wanted

    def call(self, labels):
        return as_network_takes(labels, self._wanted)
