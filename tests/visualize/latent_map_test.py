import os

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.image import AxesImage
from PIL import Image

from kgan.visualize import latent_map

RNG = np.random.default_rng(0)
CODES = RNG.normal(size=(60, 6)) * [9, 5, 3, 1, 1, 1] + 4
LABELS = np.arange(60) % 3
IMAGES = RNG.integers(0, 256, (60, 8, 12, 3), dtype=np.uint8)


def sorted_rows(array):
    return array[np.lexsort(np.asarray(array).T)]


def drawn(figure):
    """The points of a map, in the order they were drawn in."""
    return figure.axes[0].collections[0].get_offsets().data


def thumbnails(figure):
    """Extents `(n, 4)` and images of the thumbnails."""
    images = [child for child in figure.axes[0].get_children() if isinstance(child, AxesImage)]
    return np.array([image.get_extent() for image in images]), [image.get_array() for image in images]


def test_codes_of_two_numbers_are_drawn_as_they_are(tmp_path, figures):
    path = tmp_path / "new" / "map.png"
    latent_map(CODES[:, :2], LABELS, path=path)
    np.testing.assert_allclose(sorted_rows(drawn(figures[0])), sorted_rows(CODES[:, :2]))
    assert (figures[0].axes[0].get_xlabel(), figures[0].axes[0].get_ylabel()) == ("code 1", "code 2")
    with Image.open(path) as picture:
        assert min(picture.size) > 600
    assert os.listdir(path.parent) == ["map.png"]


def test_pca_keeps_the_two_directions_of_most_variance(tmp_path, figures):
    latent_map(CODES.reshape(60, 2, 3), path=tmp_path / "map.png")
    centred = CODES - CODES.mean(axis=0)
    _, values, directions = np.linalg.svd(centred, full_matrices=False)
    expected = centred @ directions[:2].T
    np.testing.assert_allclose(sorted_rows(np.abs(drawn(figures[0]))), sorted_rows(np.abs(expected)), atol=1e-6)
    share = values[0] ** 2 / np.sum(values**2)
    assert figures[0].axes[0].get_xlabel() == f"principal component 1 ({share:.0%} of the variance)"


def test_tsne_keeps_groups_together_and_shows_no_numbers(tmp_path, figures):
    codes = CODES + 100 * LABELS[:, None]
    latent_map(codes, LABELS, method="tsne", path=tmp_path / "map.png")
    points, colors = drawn(figures[0]), figures[0].axes[0].collections[0].get_facecolors()
    distances = np.linalg.norm(points[:, None] - points, axis=-1) + np.diag(np.full(60, np.inf))
    nearest = distances.argmin(axis=1)
    np.testing.assert_array_equal(colors[nearest], colors)
    assert len(np.unique(colors, axis=0)) == 3
    assert not len(figures[0].axes[0].get_xticks())


def test_every_class_has_its_colour_and_its_name(tmp_path, figures):
    names = np.array(["cat", "dog", "owl"])
    latent_map(CODES[:, :2], names[LABELS], path=tmp_path / "map.png")
    axes = figures[0].axes[0]
    colors = [to_hex(color) for color in axes.collections[0].get_facecolors()]
    of_point = {tuple(point): color for point, color in zip(drawn(figures[0]), colors, strict=True)}
    legend = axes.get_legend()
    of_class = {
        text.get_text(): to_hex(handle.get_facecolor()[0])
        for text, handle in zip(legend.get_texts(), legend.legend_handles, strict=True)
    }
    assert list(of_class) == ["cat", "dog", "owl"]
    assert len(set(of_class.values())) == 3
    for code, label in zip(CODES[:, :2], LABELS, strict=True):
        assert of_point[tuple(code)] == of_class[names[label]]


def test_thumbnails_stand_at_their_points_where_no_other_is(tmp_path, figures):
    codes = CODES[:, :2]
    latent_map(codes, LABELS, images=IMAGES, path=tmp_path / "map.png")
    extents, shown = thumbnails(figures[0])
    centres = np.stack([extents[:, :2].mean(axis=1), extents[:, 2:].mean(axis=1)], axis=1)
    rows = [np.linalg.norm(codes - centre, axis=1).argmin() for centre in centres]
    np.testing.assert_allclose(centres, codes[rows])
    for image, row in zip(shown, rows, strict=True):
        np.testing.assert_array_equal(image, IMAGES[row])
    size = np.array([extents[0, 1] - extents[0, 0], extents[0, 3] - extents[0, 2]])
    apart = (np.abs(centres[:, None] - centres) >= size).any(axis=-1)
    assert apart[~np.eye(len(apart), dtype=bool)].all()
    # Room is used: where no image stands, one would have come too near to another.
    assert 10 < len(rows) < 60
    left = np.delete(np.arange(60), rows)
    assert (np.abs(codes[left][:, None] - centres) < 1.1 * size + 1e-9).all(axis=-1).any(axis=1).all()
    # In pixels they have the aspect of the images.
    transform = figures[0].axes[0].transData.transform
    width, height = np.ptp(transform([[0, 0], size]), axis=0)
    assert width / height == pytest.approx(12 / 8, rel=0.02)


def test_of_many_codes_a_random_choice_is_drawn_with_its_own_images(tmp_path, figures):
    images = np.broadcast_to(np.arange(60, dtype=np.uint8)[:, None, None, None], (60, 2, 2, 1))
    for seed in (1, 1, 2):
        latent_map(CODES[:, :2], images=images, limit=12, seed=seed, path=tmp_path / "map.png")
    choices = [drawn(figure) for figure in figures]
    assert len(choices[0]) == 12
    assert choices[0].tolist() == choices[1].tolist() != choices[2].tolist()
    assert all(point in CODES[:, :2].tolist() for point in choices[0].tolist())
    extents, shown = thumbnails(figures[0])
    for extent, image in zip(extents, shown, strict=True):
        np.testing.assert_allclose(CODES[image.flat[0], 0], extent[:2].mean())


def test_equal_codes_and_many_classes_can_be_drawn(tmp_path, figures):
    latent_map(np.ones((40, 5)), np.arange(40), images=IMAGES[:40], path=tmp_path / "map.png")
    assert len(figures[0].axes[0].get_legend().get_texts()) == 40
    assert len(thumbnails(figures[0])[1]) == 1


@pytest.mark.parametrize(
    "codes, options, message",
    [
        (CODES[:, 0], {}, "codes must be"),
        (CODES[:, :1], {}, "codes must be"),
        (CODES[:3], {}, "codes must be"),
        (CODES * np.inf, {}, "codes must be finite"),
        (CODES, {"labels": LABELS[:5]}, "labels must be .* 60 codes"),
        (CODES, {"labels": LABELS / 2}, "labels must be"),
        (CODES, {"images": IMAGES[:5]}, "images must be one for each of the 60"),
        (CODES, {"images": IMAGES[0]}, "images must be of shape"),
        (CODES, {"method": "umap"}, "'pca', 'tsne'"),
        (CODES, {"limit": 2}, "limit must be"),
    ],
)
def test_what_does_not_fit_together_is_refused(tmp_path, codes, options, message):
    with pytest.raises(ValueError, match=message):
        latent_map(codes, path=tmp_path / "map.png", **options)
    assert not os.listdir(tmp_path)


def test_a_bad_path_is_refused_before_any_work(tmp_path, monkeypatch):
    monkeypatch.setattr("sklearn.manifold.TSNE.fit_transform", None)
    with pytest.raises(ValueError, match=r"\.png"):
        latent_map(CODES, method="tsne", path=tmp_path / "map.pdf")
