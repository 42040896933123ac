"""What the constructor of a user's own model was given, so that the model can be saved and made again."""

import inspect
import types

import keras
import numpy as np


def remember(model, args: tuple, kwargs: dict):
    """Keeps the arguments of the constructor of `model`, by name, where Keras does not look for layers."""
    object.__setattr__(model, "_constructor", types.SimpleNamespace(args=args, kwargs=kwargs))


def has_own_constructor(kind: type, base: type) -> bool:
    """Whether `kind`, a subclass of `base`, is made from other arguments than `base`."""
    return kind.__init__ is not base.__init__


def config(model) -> dict:
    """The arguments that `model` was made from, serialized, for `get_config`.

    Raises:
        ValueError: if one of them cannot be saved.
    """
    signature = inspect.signature(type(model).__init__)
    bound = signature.bind(model, *model._constructor.args, **model._constructor.kwargs)
    arguments = dict(list(bound.arguments.items())[1:])
    for name, parameter in signature.parameters.items():
        if parameter.kind is parameter.VAR_KEYWORD:
            arguments.update(arguments.pop(name, {}))
        if parameter.kind is parameter.VAR_POSITIONAL and name in arguments:
            raise ValueError(_cannot(model, f"its constructor takes *{name}, which cannot be given by name"))
    for name, value in arguments.items():
        if not _can_be_saved(value):
            raise ValueError(_cannot(model, f"its argument {name} is a {type(value).__name__}"))
    if "name" in signature.parameters:
        arguments["name"] = model.name
    if "seed" in arguments and arguments["seed"] is None:
        arguments["seed"] = model.seed  # which was drawn
    return keras.saving.serialize_keras_object(arguments)


def refuse_unless_loadable(model, base: type):
    """Refuses, when it is saved, a model whose own `get_config` does not hold what its constructor takes.

    Raises:
        ValueError: with the names that are missing or unknown.
    """
    kind = type(model)
    made_by = _owner(kind, "from_config")
    if kind.get_config is base.get_config or (made_by is not base and issubclass(made_by, _owner(kind, "__init__"))):
        return  # what it was given has been remembered, or it has its own way
    signature = inspect.signature(kind.__init__)
    given = signature.bind_partial(model, *model._constructor.args, **model._constructor.kwargs).arguments
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    names = [name for name, parameter in list(signature.parameters.items())[1:] if parameter.kind in named]
    saved = set(model.get_config())
    required = [name for name in names if signature.parameters[name].default is inspect.Parameter.empty]
    missing = [name for name in names if name not in saved and (name in required or name in given)]
    unknown = [] if _takes_any_name(signature) else sorted(saved - set(names))
    if not missing and not unknown:
        return
    lacks = [f"lacks {', '.join(missing)}"] if missing else []
    lacks += [f"holds {', '.join(unknown)}, which its constructor does not take"] if unknown else []
    if _owner(kind, "get_config") is _owner(kind, "__init__"):
        remedy = "return exactly the arguments of __init__ by name, or leave get_config out"
    else:
        remedy = "override get_config and return exactly the arguments of __init__ by name"
    raise ValueError(f"{kind.__name__} could not be loaded again: its get_config {' and '.join(lacks)}; {remedy}.")


def _owner(kind: type, method: str) -> type:
    """The class that defines `method` for `kind`."""
    return next(parent for parent in kind.__mro__ if method in vars(parent))


def _takes_any_name(signature) -> bool:
    return any(p.kind is p.VAR_KEYWORD for p in signature.parameters.values())


def _cannot(model, why: str) -> str:
    name = type(model).__name__
    return (
        f"{name} cannot be saved as a whole, because {why}: override get_config (and from_config, to make it again), "
        "or save its weights alone by save_weights."
    )


def _can_be_saved(value) -> bool:
    """Whether Keras makes the same value from its serialized form, in safe mode."""
    if isinstance(value, list | tuple):
        return all(map(_can_be_saved, value))
    if isinstance(value, dict):
        return all(isinstance(key, str) for key in value) and all(map(_can_be_saved, value.values()))
    plain = (str, bool, int, float, np.generic, np.ndarray, types.NoneType, keras.DTypePolicy)
    of_keras = hasattr(value, "get_config") and hasattr(type(value), "from_config")
    if inspect.isfunction(value):  # by its name: one of Keras's, or a registered one
        return value.__module__.startswith("keras.") or keras.saving.get_registered_name(value) != value.__name__
    return isinstance(value, plain) or of_keras
