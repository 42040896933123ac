import numpy as np
import pytest

pytestmark = pytest.mark.slow  # whole scripts


@pytest.fixture(scope="module")
def classifier(load_script):
    return load_script("benchmarks/digit_classifier.py")


def test_the_quick_classifier_tells_digits_from_each_other_and_from_noise(classifier):
    # One test, so that parallel test processes do not each train a classifier.
    images, labels = classifier.real_digits()
    assert images.shape == (5000, 28, 28, 1) and images.dtype == np.uint8
    held_out, labels = images[-1000:], labels[-1000:]

    probabilities = classifier.predict(held_out, quick=True)
    assert probabilities.shape == (1000, 10)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
    assert (probabilities.argmax(axis=1) == labels).mean() > 0.7

    features = classifier.features(held_out, quick=True)
    assert features.shape == (1000, 64) and features.dtype == np.float64
    # The features of an image do not depend on its company.
    np.testing.assert_allclose(classifier.features(held_out[245:255], quick=True), features[245:255], atol=1e-4)

    assert classifier.frechet(images, quick=True) < 1e-9 * features.var(axis=0).sum()
    half = classifier.frechet(held_out[:500], held_out[500:], quick=True)
    noise = np.random.default_rng(0).integers(0, 256, held_out.shape, dtype=np.uint8)
    for bad in (noise, np.zeros_like(held_out), held_out[labels == 3]):
        assert 0 < 5 * half < classifier.frechet(bad, quick=True)


@pytest.mark.parametrize("images", [np.zeros((3, 28, 28, 1)), np.zeros((3, 28, 28), np.uint8)])
def test_images_of_another_kind_are_refused(classifier, images):
    with pytest.raises(ValueError, match="uint8 of shape"):
        classifier.features(images, quick=True)


def test_an_unknown_reference_is_refused(classifier):
    with pytest.raises(ValueError, match="mnist5k"):
        classifier.frechet(np.zeros((3, 28, 28, 1), np.uint8), "cifar10", quick=True)
