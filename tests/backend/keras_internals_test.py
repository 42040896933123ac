"""Private names of Keras and TensorFlow: which of them is gone, and whether all stand in one file."""

import ast
import importlib
import pathlib
import re

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras.src import backend as keras_backend
from keras.src import saving
from keras.src.saving import saving_lib
from keras.src.trainers import data_adapters
from tensorflow.python import framework

from kgan.backend import keras_internals

ROOT = pathlib.Path(__file__).parents[2]
FILE = ROOT / "kgan/backend/keras_internals.py"
OTHERS = [path for path in sorted((ROOT / "kgan").rglob("*.py")) if path != FILE]


def dense():
    layer = keras.layers.Dense(1)
    layer.build((None, 2))
    return layer


def network():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3, name="a"), keras.layers.Dense(1, name="b")])
    model.compile("sgd", "mse")
    return model


def optimizer():
    made = keras.optimizers.SGD()
    made.build([keras.Variable(1.0), keras.Variable(2.0)])
    return made


def batches():
    class Batches(keras.utils.PyDataset):
        def __len__(self):
            return 2

        def __getitem__(self, index):
            return (np.full((1,), index),)

    return Batches()


def adapter():
    made = keras_internals.PyDatasetAdapter(batches(), shuffle=False)
    next(made._get_iterator())  # which says that an epoch has begun
    return made


# What has each private name: a function, because most are had by what was made or called.
OWNERS = {
    "_trainable_variables": optimizer,
    "_check_variables_are_known": optimizer,
    "_get_variable_index": optimizer,
    "_build_at_init": dense,
    "_untrack_variable": dense,
    "_tracker": dense,
    "_flatten_layers": dense,
    "_loss_ids": dense,
    "_inbound_nodes": dense,
    "_lock_state": dense,
    "_keras_history": lambda: dense()(keras.Input((2,))),
    "_keras_mask": lambda: keras.layers.Masking()(tf.ones((1, 2, 3))),
    "_keras_logits": lambda: keras.activations.softmax(tf.ones((1, 3))),
    "_fn_kwargs": keras.losses.MeanSquaredError,
    "get_stateless_scope": lambda: keras_backend,
    "AutocastScope": lambda: keras_backend,
    "_assert_compile_called": network,
    "_loss_tracker": network,
    "_current_epoch": lambda: keras.callbacks.BackupAndRestore("folder"),
    "saving_lib": lambda: saving,
    "H5IOStore": lambda: saving_lib,
    "_save_state": lambda: saving_lib,
    "_load_state": lambda: saving_lib,
    "PyDatasetAdapter": lambda: importlib.import_module(f"{data_adapters.__name__}.py_dataset_adapter"),
    "_get_iterator": lambda: keras_internals.PyDatasetAdapter,
    "_within_epoch": adapter,
    "GeneratorDataAdapter": lambda: importlib.import_module(f"{data_adapters.__name__}.generator_data_adapter"),
    "op_def_registry": lambda: framework,
}
KEYWORDS = ["_use_cached_eval_dataset"]  # of a method: no object has them


@pytest.mark.parametrize("name", OWNERS)
def test_it_is_still_there(name):
    owner = OWNERS[name]()
    assert hasattr(owner, name), (
        f"Keras {keras.__version__} and TensorFlow {tf.__version__} have no {name} in {owner!r} any more: "
        "kgan/backend/keras_internals.py says what it is for."
    )


def test_fit_still_says_to_evaluate_that_it_calls_it():
    said = []

    class Listening(keras.Sequential):
        def evaluate(self, *args, **kwargs):
            said.append(keras_internals.called_by_fit(kwargs))
            return super().evaluate(*args, **kwargs)

    model, x = Listening([keras.layers.Dense(1)]), np.ones((2, 2))
    model.compile("sgd", "mse")
    model.fit(x, x[:, :1], validation_data=(x, x[:, :1]), verbose=0)
    model.evaluate(x, x[:, :1], verbose=0)
    assert said == [True, False], f"Keras {keras.__version__} has no _use_cached_eval_dataset any more"


# What the functions do


def test_optimizers():
    a, b = keras.Variable(1.0), keras.Variable(2.0)
    scaled = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD())
    assert keras_internals.served_variables(scaled) == []
    scaled.build([a, b])
    assert list(map(id, keras_internals.served_variables(scaled))) == [id(a), id(b)]
    assert keras_internals.positions_of(scaled.inner_optimizer, [b, a]) == [1, 0]
    assert keras_internals.positions_of(scaled.inner_optimizer, [b]) == [1]
    with pytest.raises(ValueError, match="[Uu]nknown variable"):
        keras_internals.positions_of(scaled.inner_optimizer, [keras.Variable(3.0)])


def test_layers_are_built_unless_they_have_something_to_build():
    plain, own = keras.layers.Layer(), keras.layers.Dense(1)
    for layer in (plain, own):
        keras_internals.built_without_weights(layer)
    assert plain.built and not own.built


def test_weights_of_a_built_layer_are_exchanged():
    layer, weight = keras.layers.PReLU(), keras.Variable(1.0)
    layer.build((None, 2))
    with keras_internals.weights_exchanged(layer):
        layer.alpha = weight
    assert list(map(id, layer.weights)) == [id(weight)]
    with pytest.raises(ValueError, match="state"):
        layer.more = keras.Variable(1.0)


def test_layers_and_what_they_add():
    model = network()
    outer = keras.Sequential([model, keras.layers.Dense(1, name="c")])
    assert {"a", "b", "c", model.name, outer.name} <= {layer.name for layer in keras_internals.layers_within(outer)}
    assert keras_internals.added_losses(model) == set()
    loss = tf.constant(2.0)
    with keras.StatelessScope(collect_losses=True):
        model.layers[0].add_loss(loss)
    assert keras_internals.added_losses(model) == {id(loss)}


def test_what_tensors_came_from():
    x = keras.Input((2,))
    split = keras.ops.split(x, 2, axis=1)
    assert keras_internals.source_of(tf.ones(3)) is None
    (operation, output, inputs) = keras_internals.source_of(split[1])
    assert type(operation).__name__ == "Split" and output == 1 and list(map(id, inputs)) == [id(x)]
    assert isinstance(keras_internals.source_of(x)[0], keras.layers.InputLayer)


def test_what_tensors_carry():
    steps = tf.constant([[[1.0], [0.0]]])
    assert keras_internals.mask_of(steps) is None
    assert keras_internals.mask_of(keras.layers.Masking()(steps)).numpy().tolist() == [[True, False]]
    logits = tf.constant([[1.0, 2.0]])
    assert keras_internals.logits_behind(logits) is None
    for activation in (keras.activations.softmax, keras.activations.sigmoid):
        np.testing.assert_array_equal(keras_internals.logits_behind(activation(logits)), logits)


def test_how_losses_and_metrics_call_their_functions():
    for kind in (keras.losses.CategoricalCrossentropy, keras.metrics.CategoricalCrossentropy):
        assert keras_internals.words_of(kind(from_logits=True))["from_logits"] is True
    assert keras_internals.words_of(keras.losses.mean_squared_error) == {}


def test_scopes():
    assert keras_internals.scope_of_calls() is None
    with keras.StatelessScope() as scope:
        assert keras_internals.scope_of_calls() is scope
    weight = keras.layers.Dense(1, dtype="mixed_float16").add_weight(shape=(), initializer="ones")
    with keras_internals.autocast_to("float16"):
        assert keras.ops.convert_to_tensor(weight).dtype == "float16"
        with keras_internals.autocast_to("float32"):
            assert keras.ops.convert_to_tensor(weight).dtype == "float32"


def test_training(tmp_path):
    model = network()
    keras_internals.refuse_uncompiled(model, "fit")
    with pytest.raises(ValueError, match="compile"):
        keras_internals.refuse_uncompiled(keras.Sequential([keras.layers.Dense(1)]), "fit")
    keras_internals.track_loss(model, 2.0, rows=1)
    keras_internals.track_loss(model, 5.0, rows=2)
    assert float(model.get_metrics_result()["loss"]) == 4
    backup = keras.callbacks.BackupAndRestore(tmp_path, save_freq=1)
    backup.set_model(model)
    keras_internals.set_epoch(backup, 3)
    backup.on_train_batch_end(0)
    assert '"epoch": 3' in next(tmp_path.rglob("*.json")).read_text()


def test_weights_in_files(tmp_path):
    model, other, third = network(), network(), network()
    file, without = tmp_path / "all.weights.h5", tmp_path / "some.weights.h5"
    file.write_bytes(keras_internals.weights_as_hdf5(model))
    other.load_weights(file)
    for saved, loaded in zip(model.weights, other.weights, strict=True):
        np.testing.assert_array_equal(saved, loaded)
    kept = third.layers[0].get_weights()
    without.write_bytes(keras_internals.weights_as_hdf5(model, without=model.layers[:1]))
    assert without.stat().st_size < file.stat().st_size
    keras_internals.load_weights_without(third, without, third.layers[:1])
    np.testing.assert_array_equal(third.layers[0].get_weights()[0], kept[0])
    np.testing.assert_array_equal(third.layers[1].get_weights()[0], model.layers[1].get_weights()[0])


def test_kinds_of_data():
    read = keras_internals.py_dataset_as_dataset(batches(), shuffle=False)
    for _ in range(2):
        assert [int(x[0]) for (x,) in read] == [0, 1]
    once = keras_internals.generator_as_dataset(np.full((1,), n) for n in range(3))
    assert [int(x[0]) for (x,) in once] == [0, 1, 2]


def test_operations():
    assert keras_internals.operation_named("ReadFile").name == "ReadFile"
    assert keras_internals.operation_named("RandomUniform").is_stateful
    assert not keras_internals.operation_named("MatMul").is_stateful
    assert keras_internals.operation_named("NoSuchOperation") is None


# The one place


def private_names(path: pathlib.Path) -> tuple[set, set]:
    """The names that a file uses and that are private or of private modules; and the names that it defines."""
    used, defined = set(), set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Attribute):
            of_saving = isinstance(node.value, ast.Name) and node.value.id == "saving_lib"
            used |= {node.attr} if is_private(node.attr) or of_saving else set()
            defined |= {node.attr} if isinstance(node.ctx, ast.Store) else set()
        elif isinstance(node, ast.Name | ast.FunctionDef):
            defined.add(node.id if isinstance(node, ast.Name) else node.name)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
            function = node.func.id if isinstance(node.func, ast.Name) else node.func.attr
            strings = {a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str)}
            strings = {text for text in strings if is_private(text) and text.isidentifier()}
            used |= strings if function in ("getattr", "hasattr", "setattr", "get", "pop") else set()
            defined |= strings if function == "__setattr__" else set()
        elif isinstance(node, ast.ImportFrom) and re.match(r"keras\.src|tensorflow\.python", node.module or ""):
            used |= {alias.name for alias in node.names}
    return used, defined


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


def test_every_name_has_its_test_and_the_version_it_was_seen_in():
    here = private_names(FILE)[0] | {*keras_internals.OVERRIDDEN}
    assert here == {*OWNERS, *KEYWORDS}
    text = " ".join(FILE.read_text().replace("#", " ").split())
    without = [n for n in here if not re.search(rf"(Keras|TensorFlow) \d+\.\d+: [^:]*`{n}`", text)]
    assert not without


def test_no_other_file_uses_one():
    """Names that no file of kgan defines are those of somebody else."""
    names = {path: private_names(path) for path in OTHERS}
    defined = set().union(*(definitions for _, definitions in names.values()))
    foreign = {*OWNERS, *KEYWORDS} - {*keras_internals.OVERRIDDEN}
    python = {"_exit", "_getframe", "_asdict", "_replace"}
    found = {path.name: (used & foreign) | (used - defined - python) for path, (used, _) in names.items()}
    assert not {file: wrong for file, wrong in found.items() if wrong}


def test_no_class_overrides_another_hook():
    overridden = set()
    for path in OTHERS:
        parts = path.relative_to(ROOT).with_suffix("").parts
        if parts[-1] == "__main__":
            continue  # would start the command
        module = importlib.import_module(".".join(parts[:-1] if parts[-1] == "__init__" else parts))
        for kind in vars(module).values():
            if isinstance(kind, type) and kind.__module__ == module.__name__:
                foreign = [base for base in kind.__mro__ if base.__module__.split(".")[0] in ("keras", "tensorflow")]
                names = {name for name in vars(kind) if is_private(name) and any(name in vars(b) for b in foreign)}
                overridden |= names - {"_abc_impl"}
    assert overridden == set(keras_internals.OVERRIDDEN)
