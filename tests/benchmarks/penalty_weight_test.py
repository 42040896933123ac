import numpy as np
import pytest

pytestmark = pytest.mark.slow  # whole scripts


@pytest.fixture(scope="module")
def penalty_weight(load_script):
    return load_script("benchmarks/penalty_weight.py")


@pytest.fixture(scope="module")
def folder(tmp_path_factory, write_images):
    images = np.random.default_rng(0).integers(0, 256, (128, 16, 16, 3), "uint8")
    return write_images(tmp_path_factory.mktemp("images"), images)


def test_quick_mode_trains_and_judges_what_is_not_in_the_csv_yet(
    penalty_weight, folder, tmp_path, monkeypatch, assert_is_figure
):
    out = tmp_path / "runs.csv"
    options = {"sizes": [16], "seeds": [3], "quick": True, "out": out, "grids": tmp_path / "grids"}
    rows = penalty_weight.main(str(folder), gammas=[0.5], **options)
    (row,) = rows
    assert (row["gamma"], row["seed"], row["epochs"], row["images"]) == (0.5, 3, 1, 128)
    assert row["distance"] > row["halves"] > 0  # what 2 rounds make is no noise yet
    assert [path.name for path in (tmp_path / "grids").iterdir()] == ["16-0.5-3-1.png"]

    monkeypatch.setattr(penalty_weight, "run", lambda *asked: [{**row, "gamma": asked[2]}])
    rows = penalty_weight.main(str(folder), gammas=[0.5, 2.0], **options)
    assert rows == [row, {**row, "gamma": 2.0}]
    lines = penalty_weight.table(rows).splitlines()
    assert len(lines) == 4 and lines[2].startswith("| folder 16x16 | 1 | 0.5 | 1 | ")
    penalty_weight.draw(rows, tmp_path / "figure.png")
    assert_is_figure(tmp_path / "figure.png", width=200, height=200)


def test_the_table_has_the_distances_of_all_seeds(penalty_weight):
    row = {"data": "digits", "size": 28, "gamma": 0.5, "seed": 0, "epochs": 20, "images": 5000, "distance": 1.5}
    row |= {"halves": 0.85, "discriminator_loss": 0.5, "generator_loss": 1.0, "seconds": 9.0}
    rows = [row, {**row, "seed": 1, "distance": 2.25, "discriminator_loss": 0.7}, {**row, "gamma": 2.0}]
    assert penalty_weight.table(rows).splitlines()[2:] == [
        "| digits 28x28 | 20 | 0.5 | 2 | 1.5, 2.25 | 0.85 | 0.60, 1.00 |",
        "| digits 28x28 | 20 | 2 | 1 | 1.5 | 0.85 | 0.50, 1.00 |",
    ]


def test_random_features_tell_images_apart(penalty_weight):
    random = np.random.default_rng(0)
    # Discs of random colours and places on white.
    y, x = np.mgrid[:32, :32]
    discs = np.full((200, 32, 32, 3), 255, "uint8")
    for disc in discs:
        centre, radius = random.uniform(8, 24, 2), random.uniform(4, 8)
        disc[(y - centre[0]) ** 2 + (x - centre[1]) ** 2 < radius**2] = random.integers(0, 200, 3)
    halves = penalty_weight.random_distance(discs[:100], discs[100:])
    one_disc = np.repeat(discs[:1], 100, axis=0)
    noisy = np.clip(discs[100:] + random.normal(0, 60, discs[100:].shape), 0, 255).astype("uint8")
    for worse in (one_disc, noisy, discs[100:, ::-1, :, ::-1] // 2):
        assert penalty_weight.random_distance(discs[:100], worse) > 2 * halves
