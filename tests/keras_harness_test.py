"""Keras's own checks of layers and of saved configs, run over every public class of layers, losses and optimizers."""

import inspect

import keras
import numpy as np
import pytest
from keras import layers, ops
from keras.src.testing import TestCase

import kgan

PUBLIC = {
    kind.__name__: kind
    for room in (kgan.layers, kgan.losses, kgan.optimizers)
    for name, kind in vars(room).items()
    if inspect.isclass(kind) and not name.startswith("_") and kind.__module__.startswith("kgan.")
}


def dense():
    layer = layers.Dense(4)
    layer.build((None, 3))
    return layer


def conv():
    layer = layers.Conv2D(2, 3, strides=2, padding="same")
    layer.build((None, 5, 6, 3))
    return layer


# By class: the arguments of `run_layer_test`. Layers without weights are built at once; masks pass where they mean
# anything.
STATELESS = {"assert_built_after_instantiation": True, "expected_num_trainable_weights": 0}
NOISE = {"input_shape": (2, 5, 3), "expected_output_shape": (2, 5, 3), "supports_masking": True, **STATELESS}
LAYERS = {
    "BackbonePreprocessing": [
        {
            "init_kwargs": {"backbone": "vgg16"},
            "input_shape": (2, 4, 4, 3),
            "supports_masking": False,  # images have no masks
            **STATELESS,
        }
    ],
    "DenseTranspose": [
        {
            "init_kwargs": lambda: {"tied_to": dense(), "activation": "relu"},
            "input_shape": (2, 5, 4),
            "expected_output_shape": (2, 5, 3),
            "expected_num_trainable_weights": 2,
            "supports_masking": True,
        }
    ],
    "GaussianNoise": [{"init_kwargs": {"stddev": 0.2, "seed": 1}, **NOISE}],
    "GradientReversal": [{"init_kwargs": {"weight": 0.5}, **NOISE}],
    "ImageResizing": [
        {
            "init_kwargs": {"height": 4, "width": 6},
            "input_shape": (2, 5, 5, 1),
            "input_dtype": "uint8",
            "expected_output_shape": (2, 4, 6, 3),
            "supports_masking": False,
            **STATELESS,
        }
    ],
    "LatentSampler": [
        {
            "init_kwargs": {"latent_dim": 3, "seed": 1},
            "input_shape": (2, 5),
            "expected_output_shape": (2, 3),
            "expected_num_seed_generators": 1,
            "supports_masking": True,  # it drops the mask of what it only counts the rows of
            **STATELESS,
        }
    ],
    "MaskingNoise": [{"init_kwargs": {"rate": 0.3, "seed": 1}, **NOISE}],
    "SaltAndPepperNoise": [{"init_kwargs": {"rate": 0.3, "seed": 1}, **NOISE}],
    "SpectralNormalization": [
        {
            "init_kwargs": lambda layer=layer: {"layer": layer()},
            "input_shape": shape,
            "input_dtype": dtype,
            "expected_output_shape": output,
            "expected_num_trainable_weights": weights,
            "expected_num_non_trainable_weights": 2,
            "supports_masking": masks,
        }
        for layer, shape, dtype, output, weights, masks in (
            (lambda: layers.Dense(4), (2, 5, 3), "float32", (2, 5, 4), 2, True),
            (lambda: layers.Conv2D(2, 3), (2, 5, 5, 1), "float32", (2, 3, 3, 2), 2, False),
            (lambda: layers.Conv2DTranspose(2, 3), (2, 3, 3, 1), "float32", (2, 5, 5, 2), 2, False),
            (lambda: layers.Embedding(9, 3), (2, 5), "int32", (2, 5, 3), 1, False),
        )
    ],
    "TiedConv2DTranspose": [
        {
            "init_kwargs": lambda: {"tied_to": conv()},
            "input_shape": (2, 3, 3, 2),
            "expected_output_shape": (2, 5, 6, 3),
            "expected_num_trainable_weights": 2,
            "supports_masking": False,  # as the convolutions of Keras
        }
    ],
}
# What is serialised, an instance of each.
CONFIGURED = {
    "Contractive": lambda: kgan.losses.Contractive(0.1),
    "DRAGAN": lambda: kgan.losses.DRAGAN(1.0, noise_scale=0.2),
    "GradientPenalty": lambda: kgan.losses.GradientPenalty(1.0, target=0.5, one_sided=True),
    "Hinge": lambda: kgan.losses.Hinge(),
    "LeastSquares": lambda: kgan.losses.LeastSquares(),
    "Minimax": lambda: kgan.losses.Minimax(),
    "Negative": lambda: kgan.losses.Negative(),
    "NonSaturating": lambda: kgan.losses.NonSaturating(),
    "PerGroup": lambda: kgan.optimizers.PerGroup([keras.optimizers.SGD(0.1), keras.optimizers.Adam()], [0, 1, 1]),
    "Projection": lambda: kgan.losses.Projection(),
    "R1": lambda: kgan.losses.R1(2.0),
    "R2": lambda: kgan.losses.R2(2.0),
    "Relativistic": lambda: kgan.losses.Relativistic(),
    "Reversal": lambda: kgan.losses.Reversal(),
    "Sparsity": lambda: kgan.losses.Sparsity(0.1, target=0.2),
    "Uniform": lambda: kgan.losses.Uniform(),
    "Wasserstein": lambda: kgan.losses.Wasserstein(weight_clip=0.1),
}
# Base classes without a formula of their own: a user's subclass is what is saved.
ABSTRACT = {"AdversarialLoss", "CodePenalty", "HidingObjective", "Penalty"}
CASES = [(name, number) for name, cases in LAYERS.items() for number in range(len(cases))]


def arguments(name, number):
    given = dict(LAYERS[name][number])
    kwargs = given.pop("init_kwargs")
    return kwargs() if callable(kwargs) else kwargs, given


def test_every_public_class_is_checked():
    assert set(PUBLIC) == LAYERS.keys() | CONFIGURED.keys() | ABSTRACT


@pytest.mark.slow
@pytest.mark.parametrize(("name", "number"), CASES)
def test_layers(name, number):
    kwargs, given = arguments(name, number)
    TestCase().run_layer_test(PUBLIC[name], init_kwargs=kwargs, **given)


@pytest.mark.parametrize("name", CONFIGURED)
def test_configs(name):
    TestCase().run_class_serialization_test(CONFIGURED[name]())


@pytest.mark.parametrize(("name", "number"), CASES)
def test_layers_give_the_dtype_that_they_declare(name, number):
    # What SpectralNormalization computes in is given by the layer that it wraps.
    for explicit in (False, True) if name != "SpectralNormalization" else (False,):
        for policy in ("float64", "bfloat16", "mixed_bfloat16"):
            keras.config.set_dtype_policy("float32" if explicit else policy)
            kwargs, given = arguments(name, number)
            layer = PUBLIC[name](**kwargs, **({"dtype": policy} if explicit else {}))
            shape, dtype = given["input_shape"], given.get("input_dtype", "float32")
            declared = layer(keras.Input(shape[1:], dtype=dtype))
            for training in ({"training": False}, {"training": True}) if takes_training(layer) else ({},):
                found = layer(np.ones(shape, dtype), **training)
                assert keras.backend.standardize_dtype(found.dtype) == declared.dtype == layer.compute_dtype, policy


def takes_training(layer) -> bool:
    return "training" in inspect.signature(layer.call).parameters


@pytest.mark.parametrize("name", LAYERS)
def test_the_build_of_a_subclass_is_called(name):
    base = PUBLIC[name]

    class Scaled(base):
        def build(self, input_shape):
            super().build(input_shape)
            self.scale = self.add_weight(shape=(), initializer="ones")

        def call(self, inputs, **kwargs):
            return super().call(inputs, **kwargs) * ops.cast(self.scale, self.compute_dtype)

    kwargs, given = arguments(name, 0)
    layer = Scaled(**kwargs)
    layer(np.ones(given["input_shape"], given.get("input_dtype", "float32")))
    assert any(layer.scale is weight for weight in layer.trainable_weights)
