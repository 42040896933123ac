"""Each example runs in its quick mode; what it returns satisfies what it teaches, and its figure is a picture."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytestmark = pytest.mark.slow  # whole scripts

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Runs an example in quick mode and checks its figure: large enough to read, small enough to commit, not blank."""

    def run(name, **options):
        spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
        example = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, name, example)  # where TensorFlow looks for the source of functions
        spec.loader.exec_module(example)
        out = tmp_path / "new folder" / f"{name}.png"
        result = example.main(quick=True, out=out, **options)
        with Image.open(out) as figure:
            assert figure.format == "PNG"
            assert figure.width >= 600 and figure.height >= 300
            assert np.asarray(figure.convert("L")).std() > 3
        return result

    return run


def test_every_example_is_tested():
    tested = {name.removeprefix("test_") for name in globals() if name.startswith("test_")}
    tested |= {path.stem.removesuffix("_test") for path in Path(__file__).parent.glob("*_test.py")}  # on their own
    assert {path.stem for path in EXAMPLES.glob("*.py")} <= tested


def test_every_figure_is_small_enough_for_the_repository():
    figures = {path.stem: path.stat().st_size for path in (EXAMPLES / "figures").glob("*.png")}
    assert set(figures) == {path.stem for path in EXAMPLES.glob("*.py")}
    assert max(figures.values()) < 200_000


def test_gan_digits(run):
    samples = run("gan_digits")
    assert samples.shape == (100, 28, 28, 1)
    assert -1 <= samples.min() < samples.max() <= 1
    assert samples.std(axis=0).max() > 0  # different noise gives different images


def test_minimax_vs_non_saturating(run):
    # Both gradients are checked against their formulas inside. Here: who arrives, in 240 rounds.
    arrivals = run("minimax_vs_non_saturating")
    assert arrivals["plain gradient descent", "non_saturating"] <= 100
    assert arrivals["plain gradient descent", "minimax"] is None


def test_convergence_theorem(run):
    held, ended = run("convergence_theorem")
    # The generator stands still at N(-1, 1.2^2), against data from N(1, 0.6^2).
    x = np.random.default_rng(0).normal(1, 0.6, 200_000)
    z = np.random.default_rng(1).normal(-1, 1.2, 200_000)

    def log_densities(x):
        return [-(((x - mean) / scale) ** 2) / 2 - np.log(scale) for mean, scale in ((1, 0.6), (-1, 1.2))]

    def best(x):
        p, q = log_densities(x)
        return 1 / (1 + np.exp(q - p))

    value = np.mean(np.log(best(x))) + np.mean(np.log1p(-best(z)))
    assert 2 * held["jsd"][-1] - np.log(4) == pytest.approx(value, abs=0.01)
    assert held["values"][-1] == pytest.approx(value, abs=0.03)
    assert held["error"] < 0.03
    assert ended["jsd"][-1] < 1e-3
    assert ended["values"][-1] == pytest.approx(-np.log(4), abs=5e-3)


def test_nearest_neighbours(run):
    samples, training, distances, reference = run("nearest_neighbours", data="digits")
    assert len(samples) == len(distances) == len(reference) == 180
    assert samples.shape[1:] == training.shape[1:] == (8, 8, 1)
    brute_force = [np.sqrt(((training - sample) ** 2).sum(axis=(1, 2, 3))).min() for sample in samples[:20]]
    np.testing.assert_allclose(distances[:20], brute_force, rtol=1e-4)
    # Hardly trained, a generator makes images that are farther from all real ones than real ones are.
    assert np.median(distances) > np.median(reference) > 0


def test_two_player_game(run):
    results, chance, pictures, stamped = run("two_player_game")
    without, with_game = results.values()
    assert without["found"] > 0.97  # the copy tells the secret
    assert with_game["found"] < chance + 0.2  # and hardly anything in the game,
    assert with_game["error"] < 0.25  # of digits that are still there: a range of 2

    def contrast(images):
        """Mean of the white less mean of the black fields of the chessboard, over stamped pictures."""
        stamp = images[stamped[:, 0] == 1, 1:5, 1:5, 0]
        white = np.indices((4, 4)).sum(axis=0) % 2 == 1
        return stamp[:, white].mean() - stamp[:, ~white].mean()

    assert contrast(pictures) > 1.5
    assert contrast(without["copies"]) > 1.0
    assert contrast(with_game["copies"]) < 0.2


def test_latent_features(run):
    accuracy, favourites, answers, codes = run("latent_features")
    assert accuracy > 0.3 and favourites.shape == (10, 28, 28, 1) and codes.shape == (120, 2)
    # Even a hardly trained classifier takes the image that was made for an output for that class.
    assert np.mean(answers == np.arange(10)) >= 0.6
    assert codes.std(axis=0).min() > 0


def test_discriminator_features(run):
    results, counts = run("discriminator_features")
    names = {name for name, _ in results}
    assert len(results) == len(names) * len(counts) == 9
    for name in names:
        accuracies = [results[name, count].mean() for count in counts]
        assert accuracies[-1] > accuracies[0] + 0.1 and accuracies[-1] > 0.5  # more labels help
    trained, untrained = (results[f"discriminator, {how}", counts[-1]] for how in ("trained", "untrained"))
    assert not np.array_equal(trained, untrained)


def test_linear_classifier(run):
    models, curves, images, labels = run("linear_classifier")
    for name, model in models.items():
        scores = model.evaluate(images, labels, verbose=0)
        assert scores[1] == pytest.approx(curves[name]["val_accuracy"][-1], abs=1e-6) and scores[1] > 0.7
    assert models["linear"].count_params() == 784 * 10 + 10


def test_autoencoders(run):
    trained, errors, held_out = run("autoencoders", data="digits")
    assert len(trained) == 6 and len(errors) == 8
    for key, autoencoder in trained.items():
        by_hand = ((autoencoder.predict(held_out, verbose=0) - held_out) ** 2).sum(axis=(1, 2, 3)).mean()
        assert errors[key] == pytest.approx(by_hand, rel=1e-4)
    assert errors["principal components", 16] < errors["principal components", 2]


def test_greedy_pretraining(run):
    curves, stack, classifier, x, y = run("greedy_pretraining")
    assert curves["random start"][-1] < 0.3 < curves["pretrained"][-1]
    accuracy = np.mean(classifier.predict(x, verbose=0).argmax(axis=1) == y)
    assert accuracy == pytest.approx(curves["pretrained"][-1], abs=1e-6)
    assert stack.layers_pretrained == 3


def test_vgg16_transfer(run):
    results = run("vgg16_transfer")  # which asserts itself that frozen bases do not move
    assert set(results) == {("learned", 5), ("scratch", 5), ("vgg16", 5)}
    assert results["learned", 5][0] > 0.4  # twice as good as guessing among five
