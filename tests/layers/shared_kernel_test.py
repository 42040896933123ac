"""What every layer with the kernel of another one has from its base class, seen in the smallest such layer."""

import keras
import numpy as np
import pytest

from kgan.layers import retie
from kgan.layers.shared_kernel import SharedKernel

X = np.random.default_rng(0).normal(size=(5, 4)).astype("float32")


@keras.saving.register_keras_serializable(package="tests")
class Again(SharedKernel):
    """The same product as its partner once more, for square kernels."""

    kind = keras.layers.Dense

    def _check_partner(self, partner):
        if not partner.use_bias:
            raise ValueError("no partner of mine.")

    def _check_input(self, input_shape):
        if input_shape[-1] != 4:
            raise ValueError("no input of mine.")

    def _units(self):
        return self.kernel.shape[1]

    def call(self, inputs):
        x = keras.ops.matmul(inputs, self._kernel_to_compute_with())
        return self.activation(x if self.bias is None else x + self.bias)


def dense(name="dense", units=4, kind=keras.layers.Dense):
    layer = kind(units, name=name)
    layer.build((None, 4))
    layer.bias.assign(np.arange(units))
    return layer


def two_models(name="dense"):
    """An encoder and a decoder that is tied to it."""
    inputs, codes = keras.Input((4,)), keras.Input((4,))
    partner = dense(name)
    return keras.Model(inputs, partner(inputs)), keras.Model(codes, Again(partner, name="again")(codes))


def ties(encoder, decoder):
    return decoder.layers[-1].kernel is encoder.layers[-1].kernel


def test_the_kernel_is_that_of_the_other_layer_and_the_bias_its_own():
    partner = dense()
    layer = Again(partner, activation="tanh")
    np.testing.assert_allclose(layer(X), np.tanh(X @ partner.kernel.numpy()), rtol=1e-5)  # the bias begins at 0
    layer.bias.assign(np.ones(4))
    partner.kernel.assign(np.eye(4))
    np.testing.assert_allclose(layer(X), np.tanh(X + 1), rtol=1e-5)
    assert layer.weights == [partner.kernel, layer.bias] and layer.count_params() == 20
    np.testing.assert_array_equal(partner.bias, np.arange(4))
    without = Again(partner, use_bias=False)
    np.testing.assert_allclose(without(X), X, rtol=1e-6)
    assert without.weights == [partner.kernel]


def test_a_frozen_partner_stays_frozen_and_its_layer_trains_the_bias_alone():
    partner = dense()
    partner.trainable = False
    layer = Again(partner)
    layer(X)
    assert layer.trainable_weights == [layer.bias] and not partner.kernel.trainable


def test_a_copy_without_its_partner_warns_once_and_has_a_kernel_of_its_own():
    encoder, decoder = two_models()
    layer = decoder.layers[-1]
    copy = Again.from_config(layer.get_config())
    with pytest.warns(UserWarning, match="'again' was copied without 'dense', so it has a kernel of its own now"):
        copy.build((None, 4))
        copy(X)
    assert copy.kernel is not encoder.layers[-1].kernel
    copy(X)  # warnings are errors no more: it is said once


def test_copies_in_one_graph_find_each_other():
    inputs, partner = keras.Input((4,)), dense()
    model = keras.Model(inputs, Again(partner, name="again")(partner(inputs)))
    copy = keras.models.clone_model(model)
    assert copy.layers[-1].kernel is copy.layers[-2].kernel is not partner.kernel
    copy.set_weights(model.get_weights())
    np.testing.assert_array_equal(copy(X), model(X))


def test_retie_takes_the_layer_of_that_name_kind_and_shape():
    class Other(keras.layers.Dense):
        pass

    encoder, decoder = two_models()
    for layer, fits in (
        (dense("other"), False),
        (dense("dense", units=3), False),
        (dense("dense", kind=Other), False),
        (keras.layers.Dense(4, name="dense"), False),  # which has no kernel yet
        (dense("dense"), True),
    ):
        retie(layer, decoder)
        assert (decoder.layers[-1].kernel is getattr(layer, "kernel", None)) == fits
        assert ties(encoder, decoder) != fits


def test_retie_leaves_alone_what_is_tied_and_keeps_bias_and_training():
    encoder, decoder = two_models()
    decoder.layers[-1].bias.assign(np.full(4, 7.0))
    retie(dense(), encoder, decoder)
    assert ties(encoder, decoder)
    new = dense()
    retie(new, decoder)
    np.testing.assert_allclose(decoder(X), X @ new.kernel.numpy() + 7, rtol=1e-5)
    assert [id(w) for w in decoder.trainable_weights] == [id(new.kernel), id(decoder.layers[-1].bias)]


def test_what_a_subclass_refuses_and_what_no_layer_can_do():
    with pytest.raises(ValueError, match="Again is tied to a keras.layers.Dense, got <Flatten"):
        Again(keras.layers.Flatten())
    with pytest.raises(ValueError, match="no partner of mine"):
        Again(keras.layers.Dense(4, use_bias=False))
    with pytest.raises(ValueError, match="no input of mine"):
        Again(dense())(X[:, :3])
    with pytest.raises(ValueError, match="is tied to 'late', which has no kernel yet: call that layer on an input"):
        Again(keras.layers.Dense(4, name="late"))(X)
    partner = dense()
    partner.enable_lora(2)
    with pytest.raises(ValueError, match="'again' needs a kernel that is one variable: tie it to 'dense' before LoRA"):
        Again(partner, name="again")(X)


def test_a_file_of_its_own_holds_the_kernel(tmp_path):
    encoder, decoder = two_models()
    decoder.save(tmp_path / "decoder.keras")
    loaded = keras.models.load_model(tmp_path / "decoder.keras")
    np.testing.assert_array_equal(loaded(X), decoder(X))
    np.testing.assert_array_equal(loaded.layers[-1].kernel, encoder.layers[-1].kernel)
