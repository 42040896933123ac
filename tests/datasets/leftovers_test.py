"""Files that are no images of the user: other types, those of systems, and what kgan wrote itself."""

import json

import numpy as np
import pytest
from PIL import Image

from kgan.datasets import open_source
from kgan.datasets import source as source_module
from kgan.visualize.images import save_image

WHITE = np.full((4, 4, 3), 255, "uint8")


def save(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = WHITE.copy()
    pixels[0, 0] = 0
    Image.fromarray(pixels).save(path)


def write(path, text="words"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_files_of_other_types_are_counted_and_named(tmp_path):
    save(tmp_path / "a.png")
    for name in ("b.heic", "c.heic", "deep/d.HEIC", "notes.txt", "LICENSE"):
        write(tmp_path / name)
    assert open_source(tmp_path).notes == [
        "3 .heic files (b.heic, ...), 1 without an ending (LICENSE) and 1 .txt file (notes.txt) in "
        f"{tmp_path} were left out: kgan does not read them as images."
    ]


def test_files_of_the_system_are_left_out_without_a_word(tmp_path):
    save(tmp_path / "a.png")
    for name in ("Thumbs.db", ".DS_Store", "desktop.ini", "@eaDir/a.png", "$RECYCLE.BIN/a.png", "#recycle/a.png"):
        write(tmp_path / name)
    source = open_source(tmp_path)
    assert source.size == 1 and not source.notes and not source.skipped


@pytest.mark.parametrize("files", [(), ("a.heic",), ("a.heic", "readme.txt"), ("deeper/a.raw",)])
def test_a_class_folder_without_an_image_is_refused_and_named(tmp_path, files):
    save(tmp_path / "cat" / "a.png")
    (tmp_path / "dog").mkdir()
    for file in files:
        write(tmp_path / "dog" / file)
    with pytest.raises(ValueError, match="the class folder 'dog' in .* holds no image.*: add images, or take"):
        open_source(tmp_path, labels=True)
    assert open_source(tmp_path).size == 1


def test_a_folder_of_documents_is_no_class(tmp_path):
    for name in ("cat", "dog"):
        save(tmp_path / name / "a.png")
    write(tmp_path / "docs" / "readme.md")
    write(tmp_path / "labels" / "deep" / "a.txt")
    source = open_source(tmp_path, labels=True)
    assert source.class_names == ["cat", "dog"] and "docs/readme.md" in source.notes[0]


def test_a_class_whose_images_are_all_broken_is_refused_and_named(tmp_path):
    for name in ("cat", "dog", "owl"):
        save(tmp_path / name / "a.png")
    write(tmp_path / "dog" / "a.png")
    with pytest.raises(ValueError, match="the class 'dog' in .* has no readable image, 1 broken file: mend or replace"):
        open_source(tmp_path, labels=True)


def write_run(folder, versions=("kgan", "keras")):
    config = {"settings": {"data": "."}, "data": {"size": 1}, "versions": dict.fromkeys(versions, "1.0")}
    write(folder / "config.json", json.dumps(config))
    save(folder / "history.png")
    save(folder / "samples" / "epoch_0001.png")


@pytest.mark.parametrize("limit", [2**30, 0])
def test_what_kgan_wrote_into_the_folder_of_the_data_is_left_out(tmp_path, monkeypatch, limit):
    monkeypatch.setattr(source_module, "MEMORY_LIMIT", limit)
    for name in ("cat", "dog"):
        save(tmp_path / name / "a.png")
    before = open_source(tmp_path, labels=True)
    write_run(tmp_path / "runs" / "pics-1")
    write_run(tmp_path / "cat" / "mine")
    write(tmp_path / "exported" / "saved_model.pb")
    save(tmp_path / "exported" / "assets" / "a.png")
    save_image(WHITE, tmp_path / "samples.png", metadata={"generator": "runs/pics-1/generator", "seed": 0})
    after = open_source(tmp_path, labels=True)
    assert after.class_names == ["cat", "dog"] and after.size == 2
    assert after.fingerprint() == before.fingerprint()
    assert after.notes == [
        f"cat/mine, exported, runs/pics-1 and samples.png in {tmp_path} were left out: kgan wrote that."
    ]
    # Looked at on purpose, they are images as all others.
    assert open_source(tmp_path / "runs" / "pics-1" / "samples").size == 1


@pytest.mark.parametrize(
    "config", ['{"settings": 1, "data": 2, "versions": {"keras": "3"}}', "[1]", "{", '{"kgan": 1}']
)
def test_other_folders_with_a_config_are_not_taken_for_runs(tmp_path, config):
    save(tmp_path / "cat" / "a.png")
    write(tmp_path / "cat" / "config.json", config)
    assert open_source(tmp_path).size == 1


def test_a_name_that_hides_a_folder_is_noted(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert open_source("digits", limit=5).notes == []
    save(tmp_path / "digits" / "a.png")
    (note,) = open_source("digits", limit=5).notes
    assert note.startswith("digits is the data set of that name, not what lies here") and "./digits" in note
    assert open_source("./digits").size == 1 and open_source(tmp_path / "digits").notes == []
