"""README and the guide: their programs run as they stand, only for a shorter time, and their links lead on."""

import functools
import re
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
import sklearn
import tensorflow as tf

import kgan

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
GUIDE = sorted((ROOT / "docs" / "guide").glob("*.md"))
PAGES = [ROOT / "README.md", *GUIDE]
# Each program, by its page and by words that no other program of the page has.
PROGRAMS = [
    ("README", "GAN.for_images("),
    ("README", "kgan.Game)"),
    ("gans", "epochs=20)  # float32 images"),
    ("gans", "num_classes=10"),
    ("gans", 'loss="hinge"'),
    ("gans", "class Distance"),
    ("games", "kgan.Game)"),
    ("your-own-images", "image_grid("),
    ("features", "kgan.StackedAutoencoder("),
    ("features", "kgan.Autoencoder("),
    ("features", "linear_probe("),
    ("transfer", "kgan.TransferClassifier("),
    ("transfer", "per_group("),
    ("fair-and-robust", "kgan.FairClassifier("),
    ("fair-and-robust", "make_pipeline("),
    ("fair-and-robust", "GridSearchCV("),
    ("fair-and-robust", "kgan.attacks.fgsm("),
    ("distribution-and-resume", "ResumePoint("),
    ("distribution-and-resume", "MirroredStrategy("),
    ("export-and-serving", "gan.export("),
]


def blocks(page: Path) -> list[str]:
    return re.findall(r"```python\n(.*?)```", page.read_text(), re.S)


def program(page: str, containing: str, changes: dict | None = None) -> str:
    """A program of a page with `changes`, each of which has to change something."""
    assert (page, containing) in PROGRAMS
    path = ROOT / "README.md" if page == "README" else ROOT / "docs" / "guide" / f"{page}.md"
    (found,) = [block for block in blocks(path) if containing in block]
    for old, new in (changes or {}).items():
        assert old in found, f"{page} has no {old!r}"
        found = found.replace(old, new)
    return found


def run(page: str, containing: str, changes: dict | None = None, **names) -> dict:
    names = {"__name__": "guide", **names}
    exec(compile(program(page, containing, changes), f"{page}.md", "exec"), names)
    return names


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder to run in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def photos(folder, write_images):
    """`photos`, 20 images in two class folders, in the folder to run in."""
    return write_images(folder / "photos", np.random.default_rng(0).integers(0, 256, (20, 40, 30, 3), "uint8"))


@functools.cache
def digits():
    source = kgan.datasets.open_source("mnist5k", labels=True, limit=200)
    return kgan.datasets.to_float(source.images), source.targets


def small_gan(**arguments):
    return kgan.GAN.for_images((28, 28, 1), filters=2, seed=0, **arguments)


SHORT = {"epochs=20": "epochs=1, steps_per_epoch=2, verbose=0"}
SMALL = {"(28, 28, 1)": "(28, 28, 1), filters=2"}


# The programs


@pytest.mark.parametrize("page", ["README", pytest.param("gans", marks=pytest.mark.slow)])
def test_the_shortest_program(folder, page):
    words = {"README": "GAN.for_images(", "gans": "epochs=20)  # float32 images"}[page]
    names = run(page, words, SMALL | SHORT)
    assert names["images"].shape == (64, 28, 28, 1)
    assert (folder / "gan.keras").is_file()
    generator = tf.saved_model.load(folder / "generator")
    np.testing.assert_array_equal(generator.sample(64, 0), kgan.datasets.to_uint8(names["images"]))


def players():
    pictures = np.random.default_rng(0).uniform(-1, 1, (64, 4, 4, 1)).astype("float32")
    return {
        "painter": kgan.networks.mlp((4, 4, 1), (4, 4, 1)),
        "spy": kgan.networks.mlp((4, 4, 1), 1),
        "pictures": pictures,
        "stamped": np.zeros((64, 1), "float32"),
    }


def test_a_game_in_fifteen_lines():
    names = run("README", "kgan.Game)", {"epochs=40": "epochs=1, verbose=0"}, **players())
    assert names["game"].rounds == 1  # two minibatches of 32, both for the spy
    lines = [line for line in program("README", "kgan.Game)").splitlines() if line]
    assert len(lines) <= 15


@pytest.mark.slow
def test_the_game_of_ones_own_is_saved_loaded_and_resumed(tmp_path, assert_same_weights):
    names = run("games", "kgan.Game)", {"epochs=40": "epochs=1, verbose=0"}, **players())
    game, data = names["game"], (names["pictures"], names["stamped"])
    assert game.rounds == 1
    game.save(tmp_path / "game.keras")
    loaded = keras.models.load_model(tmp_path / "game.keras")
    assert loaded.weight == 0.1 and loaded.steps == {"spy": 2, "painter": 1}
    for model in (game, loaded):
        model.fit(*data, batch_size=32, epochs=1, verbose=0)
    assert_same_weights(game, loaded)


@pytest.mark.slow
def test_classes_by_number_and_by_name():
    names = run("gans", "num_classes=10", {"num_classes=10": "num_classes=10, filters=2"} | SHORT)
    np.testing.assert_array_equal(names["sevens"], names["same_sevens"])
    assert names["ten_of_each"].shape == (100, 28, 28, 1)


@pytest.mark.slow
def test_networks_and_losses_of_ones_own():
    changes = {"((28, 28, 1)": "((28, 28, 1), filters=2"} | SHORT
    gan = run("gans", 'loss="hinge"', changes)["gan"]
    assert gan.rounds == 2 and gan.steps == {"discriminator": 2, "generator": 1}


@pytest.mark.slow
def test_a_distance_as_a_monitor(folder):
    images, _ = digits()
    features = keras.Sequential([keras.Input((28, 28, 1)), keras.layers.AveragePooling2D(7), keras.layers.Flatten()])
    gan = small_gan()
    changes = {
        "epochs=50": "epochs=2, steps_per_epoch=2, verbose=0",
        "callbacks=callbacks": "callbacks=[*callbacks, h]",
    }
    history = keras.callbacks.History()
    run(
        "gans", "class Distance", changes, gan=gan, images=images, features=features, real_images=images[:50], h=history
    )
    assert len(history.history["distance"]) == 2
    best = keras.models.load_model(folder / "best.keras")
    distances = {}
    for name, model in {"best": best, "last": gan}.items():
        made = features.predict(model.generate(50, seed=0), verbose=0)
        distances[name] = kgan.metrics.frechet_distance(features.predict(images[:50], verbose=0), made)
    assert distances["best"] == pytest.approx(min(history.history["distance"]))
    assert distances["last"] == pytest.approx(history.history["distance"][-1])
    assert (folder / "samples" / "epoch_0002.png").exists()


def test_the_logs_and_balances_of_the_guide():
    from kgan.callbacks.winner_notice import balance

    images, _ = digits()
    gan = small_gan()
    logs = gan.fit(images, batch_size=50, steps_per_epoch=1, verbose=0).history
    text = (ROOT / "docs/guide/gans.md").read_text()
    assert [name for name in logs if f"`{name}`" not in text] == []
    said = re.findall(r'^\| `"(\w+)"`.*?\| (?:.* = )?([\d.-]+) \| (?:.* = )?([\d.-]+) \|$', text, re.M)
    assert len(said) == 5
    for name, discriminator, generator in said:
        expected = balance(kgan.losses.get(name))
        assert float(discriminator) == pytest.approx(expected["discriminator"], abs=0.006), name
        assert float(generator) == pytest.approx(expected["generator"], abs=0.006), name


@pytest.mark.slow
def test_ones_own_images(photos, folder, capsys):
    changes = {
        "image_size=64": "image_size=16",
        "(64, 64, 3)": "(16, 16, 3)",
        "num_classes,": "num_classes, filters=2,",
    }
    names = run("your-own-images", "image_grid(", changes | {"32), epochs=50": "8), epochs=1, verbose=0"})
    assert (folder / "grid.png").exists()
    assert "20 images of ['a', 'b']" in capsys.readouterr().out
    assert names["images"].cardinality() == 20


@pytest.mark.slow
def test_pretraining_a_stack():
    changes = {"[300, 300, 300, 300, 300]": "[8, 8]", "epochs=15, batch_size=20": "epochs=1, batch_size=20, verbose=0"}
    x = np.random.default_rng(0).uniform(size=(40, 8, 8, 1)).astype("float32")
    names = {"x": x, "x_labelled": x[:20], "y_labelled": np.arange(20) % 10}
    names = run("features", "kgan.StackedAutoencoder(", changes | {"epochs=20)": "epochs=1, verbose=0)"}, **names)
    assert names["classifier"].predict(x, verbose=0).shape == (40, 10)


@pytest.mark.slow
def test_an_autoencoder():
    images = np.random.default_rng(0).uniform(size=(64, 28, 28, 1)).astype("float32")
    names = run("features", "kgan.Autoencoder(", {"epochs=20)": "epochs=1, verbose=0)"}, images=images)
    np.testing.assert_allclose(names["reconstructions"], names["autoencoder"].predict(images, verbose=0), atol=1e-6)


@pytest.mark.slow
def test_a_probe_of_a_discriminators_features(capsys):
    images, labels = digits()
    data = {"train_images": images[::2], "test_images": images[1::2]}
    data |= {"train_labels": labels[::2], "test_labels": labels[1::2]}
    run("features", "linear_probe(", {"labels_per_class=10": "labels_per_class=5"}, gan=small_gan(), **data)
    assert re.search(r"0\.\d+ ± 0\.\d+ \(10 repeats\)", capsys.readouterr().out)


@pytest.mark.slow
def test_transferring_to_ones_own_images(photos, folder):
    # Without the ImageNet weights, which are not here, and with small images, which those would take as well.
    own = '(photos.num_classes, weights=None, cut="block5_pool", input_shape=(32, 32, 3)'
    changes = {"(photos.num_classes": own, "image_size=224": "image_size=32", "epochs=20": "epochs=1, verbose=0"}
    names = run("transfer", "kgan.TransferClassifier(", changes)
    served = tf.saved_model.load(folder / "classifier")
    expected = names["classifier"].predict(names["images"], verbose=0)
    np.testing.assert_allclose(served.serve(names["images"]), expected, atol=1e-5)


@pytest.mark.slow
def test_optimizers_for_groups_of_layers():
    base, head = (keras.Sequential([keras.Input((4,)), keras.layers.Dense(4)]) for _ in range(2))
    names = {"kgan": kgan, "keras": keras, "base": base, "head": head, "model": keras.Sequential([base, head])}
    names = run("transfer", "per_group(", **names)
    names["model"].fit(np.ones((8, 4)), np.zeros(8), verbose=0)
    assert [type(part).__name__ for part in names["optimizer"].optimizers] == ["SGD", "Adam"]


def people():
    rng = np.random.default_rng(0)
    people = pd.DataFrame({"sex": rng.choice(["f", "m"], 600), "race": rng.choice(["a", "b", "c"], 600)})
    x = pd.DataFrame({"hours": rng.normal(size=600) + (people.sex == "m"), "age": rng.normal(size=600)})
    income = np.where(x.hours > 0.5, ">50K", "<=50K")
    names = {"x": x[:300], "income": income[:300], "people": people[:300]}
    return names | {"x_test": x[300:], "income_test": income[300:], "people_test": people[300:]}


@pytest.mark.slow
def test_hiding_sensitive_columns(capsys):
    run("fair-and-robust", "kgan.FairClassifier(", {"epochs=20": "epochs=1, verbose=0"}, **people())
    printed = capsys.readouterr().out
    assert "DIFFERENCES BETWEEN GROUPS" in printed and "race x sex" in printed.replace("sex x race", "race x sex")
    assert "LEAKAGE" in printed


@pytest.mark.slow
def test_a_pipeline_of_scikit_learn(capsys):
    names = run("fair-and-robust", "make_pipeline(", {"random_state=0": "epochs=1, random_state=0"}, **people())
    assert list(names["pipeline"].classes_) == ["<=50K", ">50K"]
    assert len(capsys.readouterr().out.splitlines()) >= 6


@pytest.mark.slow
def test_a_search_of_scikit_learn(capsys):
    changes = {"random_state=0": "epochs=1, random_state=0", "[1, 6, 12]": "[1, 6]", "cv=3": "cv=2"}
    with sklearn.config_context():  # which takes back what the program sets
        names = run("fair-and-robust", "GridSearchCV(", changes, **people())
    assert names["search"].best_params_["alpha"] in (1, 6)


@pytest.mark.slow
def test_attacking_and_withstanding():
    images = np.random.default_rng(0).random((64, 8, 8, 1), dtype=np.float32)
    labels = (images[:, :4].mean(axis=(1, 2, 3)) > images[:, 4:].mean(axis=(1, 2, 3))).astype(int)
    keras.utils.set_random_seed(0)
    classifier = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(2)])
    names = {"classifier": classifier, "images": images, "labels": labels, "keras": keras, "kgan": kgan}
    names = run("fair-and-robust", "kgan.attacks.fgsm(", {"epochs=10": "epochs=10, verbose=0"}, **names)
    assert 0 < np.abs(names["attacked"] - images).max() <= 0.1 + 1e-6
    assert names["curve"].accuracy[0] > names["curve"].accuracy[-1]


@pytest.mark.slow
def test_a_run_goes_on_as_if_it_had_never_stopped(photos, folder, assert_same_weights):
    words, small = (
        "ResumePoint(",
        {"image_size=64": "image_size=16", "(64, 64, 3)": "(16, 16, 3), filters=2", "64, im": "8, im"},
    )
    run("distribution-and-resume", words, small | {"epochs=20": "epochs=1, verbose=0"})
    resumed = run("distribution-and-resume", words, small | {"epochs=20": "epochs=2, verbose=0"})["gan"]
    elsewhere = small | {"epochs=20": "epochs=2, verbose=0", '"checkpoint"': '"elsewhere"'}
    whole = run("distribution-and-resume", words, elsewhere)["gan"]
    assert resumed.rounds == whole.rounds == 4
    assert_same_weights(resumed, whole)


@pytest.mark.slow
def test_several_devices(two_devices):
    changes = SMALL | {"tf.distribute.MirroredStrategy()": "two_devices", "256)": "50, steps_per_epoch=1, verbose=0)"}
    run("distribution-and-resume", "MirroredStrategy(", changes, images=digits()[0], two_devices=two_devices)


@pytest.mark.slow
def test_serving_a_generator(folder):
    names = run("export-and-serving", "gan.export(", gan=small_gan())
    assert names["images"].shape == (16, 28, 28, 1) and names["images"].dtype == tf.uint8


# The pages


def test_every_program_of_every_page_has_its_test():
    found = [(page.stem, block) for page in PAGES for block in blocks(page)]
    tested = [(page, words) for page, words in PROGRAMS]
    assert len(found) == len(tested)
    for page, words in tested:
        assert len([block for of, block in found if of == page and words in block]) == 1, (page, words)
    source = Path(__file__).read_text().split("# The programs\n")[1]
    for page, words in tested:
        assert words in source, f"no test runs {words!r} of {page}"


def test_readme_is_a_door():
    main_job, tests = re.findall(r"```bash\n(.*?)```", README, re.S)[:2]
    assert main_job == "pip install -e . && kgan train\n" and tests == "pip install -e '.[test]' && pytest\n"
    assert len(README.splitlines()) <= 130
    assert [page.name for page in GUIDE if f"docs/guide/{page.name}" not in README] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_lines_are_of_readable_length(page):
    assert [line for line in page.read_text().splitlines() if len(line) > 120] == []


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", re.sub(r"```.*?```", "", page.read_text(), flags=re.S), re.M)
    return {re.sub(r"[^\w\- ]", "", heading).lower().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize(
    "page", [*PAGES, *(ROOT / name for name in ("CONTRIBUTING.md", "benchmarks/README.md", "saved_models/README.md"))]
)
def test_links_and_pictures_lead_to_files_and_headings(page):
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.S)
    links = re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r"^\[[^\]]+\]: (\S+)$", text, re.M)
    assert not re.findall(r"<img|<a ", text)  # which this test would not see
    for link in (link for link in links if not link.startswith("http")):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{page.name} links to {link}"
        assert not anchor or anchor in anchors(target), f"{page.name} links to {link}"


def test_references_of_the_guide_are_defined():
    lecture = (ROOT / "docs/guide/lecture.md").read_text()
    defined = set(re.findall(r"^\[([^\]]+)\]: ", lecture, re.M))
    used = set(re.findall(r"(?:!\[[^\]]*\])?\[([^\]]+)\](?![:(\[])", lecture))
    assert used == defined


def test_every_example_has_its_place_in_the_guide():
    lecture = (ROOT / "docs/guide/lecture.md").read_text()
    assert [path.name for path in (ROOT / "examples").glob("*.py") if f"/{path.name}" not in lecture] == []


def test_the_reference_has_every_public_name():
    reference = "\n".join(page.read_text() for page in (ROOT / "docs" / "api").glob("*.md"))
    entries = set(re.findall(r"^::: (\S+)$", reference, re.M))
    missing = [
        name
        for name in kgan.__all__
        if name[0] != "_" and not any(re.match(rf"kgan\.{name}(\.|$)", entry) for entry in entries)
    ]
    assert missing == []


def test_the_site_leads_to_every_page():
    site = (ROOT / "mkdocs.yml").read_text()
    pages = [path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")]
    assert [page for page in pages if f": {page}\n" not in site] == []


@pytest.mark.parametrize("method", ["compile", "fit", "evaluate", "generate", "export", "get_config", "from_config"])
def test_help_on_a_gan_speaks_of_gans(method):
    own = getattr(kgan.GAN, method).__doc__
    assert own and own != getattr(getattr(keras.Model, method, None), "__doc__", None)
