import io
import types

import keras
import numpy as np
import pytest
from rich.console import Console

import kgan
from kgan.callbacks import WinnerNotice
from kgan.callbacks.winner_notice import balance, winner

R1_R2 = (kgan.losses.R1(0.5), kgan.losses.R2(0.5))
# Both losses, r1 and r2 as `kgan train` logged them on its default digits, 78 rounds an epoch; the samples were good.
DIGITS = """
0.207 4.064 0.103 0.065
0.138 3.270 0.053 0.030
0.358 2.182 0.081 0.070
0.452 1.758 0.078 0.070
0.536 1.469 0.069 0.065
0.585 1.282 0.061 0.057
0.617 1.147 0.052 0.050
0.636 1.084 0.047 0.045
0.642 1.042 0.042 0.040
0.652 1.009 0.039 0.039
0.648 0.987 0.036 0.036
0.646 0.976 0.035 0.035
"""


def told(history, penalties=R1_R2, rounds=78, patience=5, least=400):
    """What is printed, epoch by epoch, about a training with this history."""
    text = io.StringIO()
    notice = WinnerNotice(patience, least, console=Console(file=text, width=1000))
    notice.set_model(types.SimpleNamespace(loss=kgan.losses.get("relativistic"), penalties=penalties, rounds=0))
    notice.on_train_begin()
    lines = []
    for epoch, (discriminator, generator, *values) in enumerate(history):
        logs = {penalty.name: value for penalty, value in zip(penalties, values, strict=True)}
        notice.on_epoch_begin(epoch)
        notice.model.rounds += rounds
        notice.on_epoch_end(epoch, {"discriminator_loss": discriminator, "generator_loss": generator, **logs})
        lines.append(text.getvalue())
        text.seek(0), text.truncate()
    return lines


def test_nothing_is_said_of_a_good_run():
    history = [[float(value) for value in line.split()] for line in DIGITS.split("\n") if line]
    assert len(history) == 12 and not any(told(history))


def test_a_discriminator_that_wins_is_noticed_once():
    # As on emoji of 64 x 64 under a penalty that was too light.
    lines = told(20 * [(0.16, 5.0, 0.03, 0.03)], rounds=100)
    assert [i for i, line in enumerate(lines) if line] == [4]
    assert lines[4] == (
        "The discriminator has clearly won for 5 epochs: its loss is 0.10 and the generator's 5.00, but 0.69 and 0.69 "
        "at balance, so that there is little for the generator to learn from. Try heavier penalties, such as "
        "r1:2,r2:2, or a smaller learning rate of the discriminator.\n"
    )


def test_it_has_to_go_on_for_epochs_and_for_rounds():
    won, even = (0.1, 5.0, 0.0, 0.0), (0.6, 0.8, 0.0, 0.0)
    assert not any(told(4 * [won], rounds=1000))
    assert any(told(5 * [won], rounds=1000))
    assert not any(told(4 * [won] + [even] + 4 * [won], rounds=1000))
    assert [i for i, line in enumerate(told(40 * [won], rounds=29)) if line] == [13]  # 14 x 29 = 406 rounds
    assert [i for i, line in enumerate(told(40 * [won], rounds=29, patience=3, least=58)) if line] == [2]


def test_a_generator_that_always_fools_the_discriminator_is_noticed():
    (line,) = filter(None, told(9 * [(3.0, 0.05, 0.0, 0.0)], rounds=100))
    assert line.startswith("The generator has clearly won") and "lighter penalties, such as r1:0.125,r2:0.125" in line
    (line,) = filter(None, told(9 * [(3.0, 0.05)], penalties=(), rounds=100))
    assert line.endswith("Try more updates of the discriminator for each of the generator.\n")


@pytest.mark.parametrize(
    ("loss", "discriminator", "generator"),
    [  # by hand, see the losses
        ("minimax", np.log(4), -np.log(2)),
        ("non_saturating", np.log(4), np.log(2)),
        ("least_squares", 1 / 4, 1 / 8),
        ("hinge", 2, 0),
        ("relativistic", np.log(2), np.log(2)),
        ("wasserstein", 0, 0),
    ],
)
def test_balance_and_who_wins_under_every_loss(loss, discriminator, generator):
    game = kgan.losses.get(loss)
    found = balance(game)
    assert found["discriminator"] == pytest.approx(discriminator, abs=1e-5)
    assert found["generator"] == pytest.approx(generator, abs=1e-5)
    bounded = loss != "wasserstein"
    logits = {  # of real and of fake samples
        (0.5, 0.5): None,
        (0.9, 0.1): "discriminator" if loss == "least_squares" else None,
        (4.0, -4.0): None if loss == "least_squares" else "discriminator",
        (-4.0, 4.0): None if loss == "least_squares" else "generator",
    }
    for (real, fake), expected in logits.items():
        real, fake = np.full((2, 1, 1), [[[real]], [[fake]]], "float32")
        losses = {
            "discriminator": float(game.discriminator_loss(real, fake)),
            "generator": float(game.generator_loss(fake, real)),
        }
        assert winner(losses, found) == (expected if bounded else None)


@pytest.mark.slow
def test_a_real_training():
    images = np.random.default_rng(0).choice([-1.0, 1.0], (64, 8, 8, 1)).astype("float32")
    text = io.StringIO()
    keras.utils.set_random_seed(0)
    gan = kgan.GAN(
        kgan.networks.dcgan_generator((8, 8, 1), 4, filters=2),
        kgan.networks.dcgan_discriminator((8, 8, 1), filters=4, normalization="none"),
        seed=0,
    )
    # A generator that cannot follow.
    gan.compile(keras.optimizers.SGD(1e-6), keras.optimizers.Adam(1e-2), loss="relativistic", penalties=R1_R2[:1])
    notice = WinnerNotice(rounds=20, console=Console(file=text, width=1000))
    gan.fit(images, batch_size=16, epochs=16, verbose=0, callbacks=[notice])
    assert notice.winner == "discriminator"
    assert text.getvalue().count("\n") == 1 and "The discriminator has clearly won" in text.getvalue()


def test_models_without_an_adversarial_loss_are_left_alone():
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    notice = WinnerNotice()
    model.fit(np.ones((4, 1)), np.ones((4, 1)), epochs=2, verbose=0, callbacks=[notice])
    assert notice.winner is None
    with pytest.raises(ValueError, match="patience must be a whole number of at least 1, got 0."):
        WinnerNotice(0)
