"""Features of a model: what one of its layers gives out."""

import difflib

import keras

from kgan.scalars import is_count


def feature_extractor(model: keras.Model, layer) -> keras.Model:
    """The part of a model from its inputs to the output of one of its layers.

    It shares all weights with the model: it is trained when the model is, and the other way round.

    Args:
        model: functional or sequential model, such as `gan.discriminator` or one of `keras.applications`.
        layer: name of the layer, a path such as `"block/conv"` to a layer in a model in the model, the layer itself, or
            its index in `model.layers`.

    Returns:
        A `keras.Model` from the inputs of `model` to the output of the layer.

    Raises:
        ValueError: for another kind of model, and for a layer that is not there, with the names that are like it.

    Examples:
        >>> gan.fit(images)
        >>> extractor = kgan.networks.feature_extractor(gan.discriminator, "features")
        >>> features = extractor.predict(images)
    """
    if not isinstance(model, keras.Model) or not getattr(model, "inputs", None):
        raise ValueError(
            f"feature_extractor takes a built functional or sequential keras.Model (of a GAN its .discriminator or "
            f".generator), got {model!r}."
        )
    path = find_layer(model, layer)
    found = []

    def call(operation, *args, **kwargs):
        if operation is path[0]:
            inner = operation if len(path) == 1 else feature_extractor(operation, _name(path[1:]))
            found.append(inner(*args, **kwargs))
        return operation(*args, **kwargs)

    # The graph is gone through once more, with the layers as they are, because a layer that is shared with another
    # model has outputs there too. Uncompiled, because a clone would get an optimizer of its own.
    sequential = isinstance(model, keras.Sequential)
    ends = (model.inputs[0], model.outputs[0]) if sequential else (model.input, model.output)
    graph = keras.models.clone_model(keras.Model(*ends), clone_function=lambda layer: layer, call_function=call)
    if len(found) != 1:
        raise ValueError(f"{model.name!r} uses its layer {_name(path)!r} {len(found)} times: features of which use?")
    return keras.Model(graph.input, found[0], name=f"{model.name}_{path[-1].name}")


def find_layer(model, layer) -> list:
    """The layer, preceded by the models that it is in."""
    paths = layer_paths(model)
    if is_count(layer, -len(model.layers)) and layer < len(model.layers):
        layer = model.layers[layer]
    if isinstance(layer, str) and layer in paths:
        return paths[layer]
    for path in paths.values():
        if path[-1] is layer:
            return path
    wrong = layer if isinstance(layer, str) else getattr(layer, "name", str(layer))
    near = [name for name in paths if name.split("/")[-1] == wrong]
    near = near or difflib.get_close_matches(wrong, paths, n=5) or list(paths)
    raise ValueError(f"{model.name!r} has no layer {layer!r} besides its inputs: use one of {', '.join(near)}.")


def layer_paths(model) -> dict:
    """`{path: list of layers from the outermost to the one that the path names}`; inputs have no features."""
    paths = {}
    for layer in model.layers:
        if isinstance(layer, keras.layers.InputLayer):
            continue
        paths[layer.name] = [layer]
        if isinstance(layer, keras.Model) and getattr(layer, "inputs", None):
            paths |= {f"{layer.name}/{name}": [layer, *path] for name, path in layer_paths(layer).items()}
    return paths


def _name(path) -> str:
    return "/".join(layer.name for layer in path)
