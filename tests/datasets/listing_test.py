"""What is found below a folder, against trees that are written down here."""

import json
import os

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from kgan.datasets import listing

RUN = {"settings": {}, "data": {}, "versions": {"kgan": "1"}}


def plant(root, *names):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir() if name.endswith("/") else path.write_bytes(b"")
    return str(root)


def test_images_others_and_folders_in_the_order_of_people(tmp_path):
    root = plant(tmp_path, "10/b.JPG", "2/a.png", "2/10.webp", "2/9.webp", "2/deep/er/x.gif", "notes.txt", "empty/")
    found = listing.look_through(root)
    assert found.images == ["2/9.webp", "2/10.webp", "2/a.png", "2/deep/er/x.gif", "10/b.JPG"]
    assert found.others == ["notes.txt"] and found.folders == ["2", "10", "empty"]
    assert found.outputs == found.repeated == []
    assert listing.images_in(str(tmp_path / "2")) == ["9.webp", "10.webp", "a.png"]
    assert listing.folders_in(root) == ["2", "10", "empty"]


def test_what_is_hidden_or_of_the_system_is_not_seen(tmp_path):
    names = [".hidden.png", ".git/a.png", "__MACOSX/a.png", "Thumbs.db", "a/@eaDir/a.png", "lost+found/a.png"]
    root = plant(tmp_path, *names, "a/b.png")
    found = listing.look_through(root)
    assert (found.images, found.others, found.folders) == (["a/b.png"], [], ["a"])
    assert listing.folders_in(root) == ["a"] and listing.images_in(root) == []


def test_a_folder_named_as_an_image_is_a_folder(tmp_path):
    root = plant(tmp_path, "a.png/b.png")
    assert listing.look_through(root).images == ["a.png/b.png"]
    assert listing.images_in(root) == [] and listing.folders_in(root) == ["a.png"]


def test_each_folder_is_listed_once_under_its_own_name_whatever_links_there_are(tmp_path):
    root = plant(tmp_path / "data", "z/a.png")
    plant(tmp_path / "elsewhere", "b.png")
    os.symlink(tmp_path / "data" / "z", tmp_path / "data" / "a link")
    os.symlink(tmp_path / "data", tmp_path / "data" / "z" / "loop")
    os.symlink(tmp_path / "elsewhere", tmp_path / "data" / "outside")
    os.symlink(tmp_path / "elsewhere" / "b.png", tmp_path / "data" / "file.png")
    os.symlink(tmp_path / "nowhere.png", tmp_path / "data" / "broken.png")
    found = listing.look_through(root)
    assert sorted(found.images) == ["file.png", "outside/b.png", "z/a.png"]
    assert found.repeated == ["a link", "z/loop"]


@pytest.mark.parametrize("kind", ["run", "model"])
def test_what_kgan_wrote_is_none_of_the_data(tmp_path, kind):
    root = plant(tmp_path, "photos/a.png", "out/samples/b.png", "out/c.png")
    plant(tmp_path, "out/saved_model.pb") if kind == "model" else None
    (tmp_path / "out" / "config.json").write_text(json.dumps(RUN if kind == "run" else {}))
    found = listing.look_through(root)
    assert found.images == ["photos/a.png"] and found.outputs == ["out"] and found.folders == ["photos"]
    assert listing.folders_in(root) == ["photos"]
    # Who asks for that very folder gets what is in it.
    assert listing.look_through(str(tmp_path / "out")).images == ["c.png", "samples/b.png"]


@pytest.mark.parametrize("config", ["", "[]", "{", "[" * 100_000, json.dumps({**RUN, "versions": ["kgan"]}), "{}"])
def test_another_config_makes_no_run(tmp_path, config):
    root = plant(tmp_path, "mine/a.png")
    (tmp_path / "mine" / "config.json").write_text(config)
    found = listing.look_through(root)
    assert found.images == ["mine/a.png"] and found.others == ["mine/config.json"] and found.outputs == []


def test_a_grid_beside_a_run_is_known_by_what_it_says_of_itself(tmp_path):
    root = plant(tmp_path, "photos/broken.png")
    info = PngInfo()
    info.add_text("generator", "run")
    info.add_text("seed", "1")
    for name, options in {"grid.png": {"pnginfo": info}, "photo.png": {}}.items():
        Image.fromarray(np.zeros((2, 2), "uint8")).save(tmp_path / name, **options)
    assert listing.look_through(root).images == ["grid.png", "photo.png", "photos/broken.png"]
    plant(tmp_path, "run/a.png")
    (tmp_path / "run" / "config.json").write_text(json.dumps(RUN))
    found = listing.look_through(root)
    assert found.images == ["photo.png", "photos/broken.png"] and found.outputs == ["grid.png", "run"]


def test_whether_there_is_an_image_at_any_depth(tmp_path):
    assert not listing.holds_image(plant(tmp_path, "a/b/c.txt", "d/"))
    assert listing.holds_image(plant(tmp_path, "a/b/c.png"))
