"""Image sets of TensorFlow Datasets, read by random access from the files that TFDS has prepared."""

import difflib
import glob
import io
import os
import struct
from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from kgan.datasets.arrays import take_evenly
from kgan.datasets.folder import choose_shape
from kgan.datasets.images import decode
from kgan.datasets.labels import count_up
from kgan.datasets.source import Reader, Source
from kgan.datasets.words import listed
from kgan.foreign_text import first_line, printable, shell_word

PREFIX = "tfds:"


def open_tfds(name: str, *, split: str, image_size: tuple[int, int] | None, labels: bool, limit: int | None) -> Source:
    """Opens a TFDS set such as `"tfds:cats_vs_dogs"` or `"tfds:NAME/CONFIG"`; see `kgan.datasets.open_source`.

    `split` may be anything TFDS understands, such as `"train[:10%]"`. Nothing is downloaded: the set has to have been
    prepared, which `kgan.datasets.download` does. Labels are read in a first pass over the files.
    """
    builder = _builder(name)
    if not builder.is_prepared():
        raise ValueError(
            f"{printable(name)} is not on this machine: it would be prepared in {printable(builder.data_dir)}; "
            f"download it with `kgan datasets --download {shell_word(name)}`, or use mnist5k, which needs no download."
        )
    features = builder.info.features
    image_key = _find_feature(features, "Image")
    label_key = _find_feature(features, "ClassLabel")
    if image_key is None or features[image_key].np_dtype not in (np.uint8, np.uint16):
        raise ValueError(f"{printable(name)} is no set of images: it has the features {listed(list(features))}.")
    if labels and label_key is None:
        raise ValueError(f"{printable(name)} has no class labels: it has the features {listed(list(features))}.")
    records = _records(builder, name, split)
    rows = take_evenly(len(records), limit)

    def feature(index, key):
        return tf.train.Example.FromString(records[rows[index]]).features.feature[key]

    def image_file(index):
        return io.BytesIO(feature(index, image_key).bytes_list.value[0])

    def identity() -> Iterator[str]:
        yield repr((builder.info.full_name, split, len(rows)))

    class_names, targets, label_notes = None, None, []
    if labels:
        class_names = features[label_key].names
        targets = np.array([_label(records[row], label_key) for row in rows])
        if targets.min() < 0:
            raise ValueError(
                f"{printable(name)} has examples without a label in the split {split!r}: choose another split."
            )
        ids = _ids_that_occur(builder, name, label_key, targets, len(class_names))
        targets, class_names, label_notes = count_up(name, targets, ids, class_names)
    shape, notes = choose_shape(name, image_file, len(rows), image_size)
    reader = Reader(
        size=len(rows),
        image_shape=shape,
        read=lambda index: decode(image_file(index), shape[:2], shape[2]),
        describe=lambda index: f"example {rows[index]}",
        identity=identity,
    )
    return Source(name, reader, targets=targets, class_names=class_names, notes=[*notes, *label_notes])


def _label(record: bytes, key: str) -> int:
    return tf.train.Example.FromString(record).features.feature[key].int64_list.value[0]


def _ids_that_occur(builder, name: str, key: str, targets: np.ndarray, number: int) -> np.ndarray:
    """The class ids of all splits, so that a class has the same number in each; read only until all have been seen.

    Some sets have names for classes without images: emnist/letters has 37 of them for 26 letters.
    """
    seen = set(targets.tolist())
    for split in builder.info.splits:
        if len(seen) == number:
            break
        records = _records(builder, name, split)
        for index in range(len(records)):
            seen.add(_label(records[index], key))
            if len(seen) == number:
                break
    return np.array(sorted(seen - {-1}))


def download(name: str) -> str:
    """Downloads and prepares a TFDS set; returns its folder."""
    builder = _builder(name)
    try:
        builder.download_and_prepare()
    except Exception as error:  # requests, tarfile, missing packages, sets that want a manual download
        raise ValueError(
            f"{printable(name)} could not be downloaded to {printable(builder.data_dir)}: {first_line(error)}."
        ) from error
    return str(builder.data_dir)


def prepared() -> list[tuple[str, str]]:
    """Names and folders of the sets that TFDS has prepared in its default folder, without reading them."""
    root = os.path.expanduser(os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets")
    found = {}
    for depth in ("*/*", "*/*/*"):  # NAME/VERSION or NAME/CONFIG/VERSION
        for file in sorted(glob.glob(os.path.join(glob.escape(root), depth, "dataset_info.json"))):
            folder = os.path.dirname(file)
            found[PREFIX + os.path.relpath(os.path.dirname(folder), root)] = folder
    return sorted(found.items())


class _TFRecords:
    """Random access to the records of some TFRecord files.

    The format has no index, so the places of the records are found by walking from one length field to the next:
    eight bytes of length, four of checksum, the data, four of checksum.
    """

    def __init__(self, instructions):
        self._files = [str(instruction.filename) for instruction in instructions]
        numbers, offsets, lengths = [], [], []
        for number, instruction in enumerate(instructions):
            with open(self._files[number], "rb") as file:
                size = os.fstat(file.fileno()).st_size
                for record in range(instruction.skip + instruction.take):
                    head = file.read(12)
                    length = struct.unpack("<Q", head[:8])[0] if len(head) == 12 else size
                    if file.tell() + length > size:
                        raise ValueError(
                            f"{printable(self._files[number])} is damaged, as its record {record} goes beyond its end: "
                            "delete the folder and prepare the data set again."
                        )
                    if record >= instruction.skip:
                        numbers.append(number)
                        offsets.append(file.tell())
                        lengths.append(length)
                    file.seek(length + 4, os.SEEK_CUR)
        self._numbers, self._offsets, self._lengths = map(np.asarray, (numbers, offsets, lengths))

    def __len__(self):
        return len(self._offsets)

    def __getitem__(self, index) -> bytes:
        with open(self._files[self._numbers[index]], "rb") as file:
            file.seek(self._offsets[index])
            return file.read(self._lengths[index])


def _records(builder, name: str, split: str):
    """The serialized examples of a split, as a sequence of bytes."""
    import tensorflow_datasets as tfds

    try:
        instructions = builder.info.splits[split].file_instructions
    except Exception:  # TFDS raises KeyError, ValueError or AssertionError, by the kind of mistake
        raise ValueError(
            f"{printable(name)} has no split {split!r}; it has {listed(list(builder.info.splits))}."
        ) from None
    if builder.info.file_format == tfds.core.FileFormat.TFRECORD:
        return _TFRecords(instructions)
    return builder.as_data_source(split, deserialize_method=tfds.decode.DeserializeMethod.RAW_BYTES)


def _builder(name: str):
    import tensorflow_datasets as tfds

    short = name.removeprefix(PREFIX)
    try:
        return tfds.builder(short)
    except Exception as error:
        if not isinstance(error, tfds.core.DatasetNotFoundError):
            raise ValueError(f"{printable(name)} cannot be opened: {first_line(error)}.") from error
        near = difflib.get_close_matches(short, tfds.list_builders(with_community_datasets=False), n=1)
        hint = f" (did you mean {PREFIX}{near[0]}?)" if near else ""
        raise ValueError(
            f"TensorFlow Datasets has no set {short!r}{hint}; it lists all with tfds.list_builders()."
        ) from None


def _find_feature(features, kind: str) -> str | None:
    import tensorflow_datasets as tfds

    keys = [key for key, feature in features.items() if type(feature) is getattr(tfds.features, kind)]
    preferred = {"Image": "image", "ClassLabel": "label"}[kind]
    return preferred if preferred in keys else next(iter(keys), None)
