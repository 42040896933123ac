"""What the `saved_model.pb` of a generator says, read before TensorFlow loads it: a SavedModel is a program."""

import dataclasses
import math
import pathlib
import re

import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow.core.protobuf import saved_model_pb2

from kgan import memory
from kgan.backend import keras_internals
from kgan.foreign_text import printable

# Stateful operations, by TensorFlow's registry, whose state is numbers in memory: variables, calls, random numbers,
# tables and lists, checks. All others write or read files, talk to other processes or machines, or run Python.
_IN_MEMORY = re.compile(
    r"VarHandleOp|VarIsInitializedOp|VariableShape|ReadVariableOp|Assign(Add|Sub)?VariableOp|DisableCopyOnRead"
    r"|DestroyResourceOp|Resource(Gather|Scatter)\w*|ResourceStridedSliceAssign"
    r"|StatefulPartitionedCall|If|While|Case"
    r"|Random(Uniform|UniformInt|StandardNormal|Shuffle|Gamma|Poisson|PoissonV2|Crop)|Multinomial|TruncatedNormal"
    r"|ParameterizedTruncatedNormal|Stateful(Uniform\w*|StandardNormal\w*|TruncatedNormal|RandomBinomial)"
    r"|NonDeterministicInts|Rng(Skip|ReadAndSkip)|StatelessRandomGetAlg"
    r"|(Mutable|Anonymous)*(Dense)?HashTable(OfTensors)?(V2)?|LookupTable\w+|InitializeTableV2|TensorArray\w*|Stack\w*"
    r"|Assert|CheckNumerics(V2)?|GuaranteeConst|Empty|DeepCopy|CudnnRNN\w*"
)
# Not stateful in the registry, and yet they touch files or run Python.
_BEYOND = re.compile(
    r"ReadFile|MatchingFiles|PyFunc\w*|Debug\w+|\w*Dataset\w*|Reader\w+|\w+FromTextFile|GenerateVocab\w+"
)


@dataclasses.dataclass(frozen=True)
class Described:
    """A generator as its SavedModel describes it.

    Attributes:
        latent_dim: how many random numbers make an image.
        conditional: whether it takes labels.
        image_shape: of one sample; `None` where the SavedModel does not tell.
        beyond: names of the operations that may do more than to compute, sorted.
    """

    latent_dim: int
    conditional: bool
    image_shape: tuple[int, ...] | None
    beyond: list[str]


def describe(folder: pathlib.Path) -> Described:
    """Reads `saved_model.pb`, without running anything.

    Raises:
        ValueError: if it is damaged, or not that of a generator that kgan exported.
    """
    file, name = folder / "saved_model.pb", printable(folder)
    try:
        model = saved_model_pb2.SavedModel.FromString(file.read_bytes())
    except OSError as error:
        raise ValueError(f"{name}/saved_model.pb cannot be read: {error.strerror}.") from None
    except (DecodeError, MemoryError):
        raise ValueError(f"{name}/saved_model.pb is damaged, or no SavedModel: export the generator again.") from None
    if len(model.meta_graphs) != 1 or not model.meta_graphs[0].object_graph_def.nodes:
        raise _no_generator(name, "it is a SavedModel of another kind")
    (graph,) = model.meta_graphs
    if "serve" not in graph.signature_def:
        raise _no_generator(name, "it has no endpoint serve")
    inputs = graph.signature_def["serve"].inputs
    latents, labels = (_shape(inputs[key]) if key in inputs else None for key in ("latents", "labels"))
    takes_latents = latents is not None and len(latents) == 2 and latents[1] and inputs["latents"].dtype == tf.float32
    takes_labels = labels is None or (len(labels) == 1 and inputs["labels"].dtype == tf.int32)
    if not (takes_latents and takes_labels and len(inputs) == 1 + (labels is not None)):
        raise _no_generator(name, f"its endpoint serve takes {_in_words(inputs)}")
    outputs = list(graph.signature_def["serve"].outputs.values())
    made = _shape(outputs[0]) if len(outputs) == 1 else None
    if made is None or len(made) < 2:
        raise _no_generator(name, "its endpoint serve returns no samples")
    _check_variables(name, graph)
    image_shape = None if None in made[1:] else made[1:]
    return Described(latents[1], labels is not None, image_shape, _beyond(graph))


def _no_generator(name: str, why: str) -> ValueError:
    return ValueError(f"{name} is no generator that kgan exported: {why}.")


def _shape(tensor) -> tuple[int | None, ...] | None:
    if tensor.tensor_shape.unknown_rank:
        return None
    return tuple(dim.size if dim.size > 0 else None for dim in tensor.tensor_shape.dim)


def _in_words(inputs) -> str:
    shapes = {key: _shape(inputs[key]) for key in sorted(inputs)[:3]}
    return ", ".join(f"{printable(key)} of shape {shape}" for key, shape in shapes.items()) or "nothing"


def _check_variables(name: str, graph) -> None:
    """Refuses what claims more numbers than memory can hold."""
    size = 0
    for node in graph.object_graph_def.nodes:
        if node.WhichOneof("kind") == "variable":
            size += math.prod(max(dim.size, 1) for dim in node.variable.shape.dim)
    memory.check_fits(size, f"the variables of {name}", "use another generator")


# What it can do


def _beyond(graph) -> list[str]:
    """Operations that can be reached otherwise than by saving the model, and may do more than to compute."""
    functions = {function.signature.name: function.node_def for function in graph.graph_def.library.function}
    # Not run when a SavedModel is loaded: they are for saving it again, and for TensorFlow 1.
    saver = {graph.saver_def.save_tensor_name.split(":")[0], graph.saver_def.restore_op_name}
    nodes = [node for node in graph.graph_def.node if node.name not in saver]
    found, seen = set(), set()
    waiting = list(graph.object_graph_def.concrete_functions)
    while nodes or waiting:
        for node in nodes:
            found.add(node.op)
            waiting += _called(node)
        called = waiting.pop() if waiting else None
        nodes = functions.get(called, ()) if called not in seen else ()
        seen.add(called)
    return sorted(op for op in found if op not in functions and not _only_computes(op))


def _called(node) -> list[str]:
    """The functions that an operation calls: as one of its attributes, or as itself."""
    names = [node.op]
    for value in node.attr.values():
        names += [value.func.name, *(function.name for function in value.list.func)]
    return names


def _only_computes(op: str) -> bool:
    if _BEYOND.fullmatch(op):
        return False
    definition = keras_internals.operation_named(op)
    return definition is not None and (not definition.is_stateful or _IN_MEMORY.fullmatch(op) is not None)
