"""Damaged and malicious model files: each is one clear error, and no code of it runs."""

import copy
import io
import json
import pickle
import struct
import zipfile

import numpy as np
import pytest
from safetensors.numpy import load, save

from anomalib_ts import DenseAutoencoder, IForest, TrainerSettings, load_detector
from anomalib_ts.errors import AnomalibTsError
from anomalib_ts.saved.archive import ARRAYS, JSON

RAN = []


class Bomb:
    """Says so when it is unpickled."""

    def __reduce__(self):
        return (RAN.append, ("unpickled",))


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A forest's file and an autoencoder's, as bytes."""
    folder = tmp_path_factory.mktemp("models")
    values = np.random.default_rng(0).standard_normal((300, 2))
    brief = TrainerSettings(accelerator="cpu", max_steps=2, progress=False)
    detectors = {
        "forest": IForest(window=2, trees=2),
        "network": DenseAutoencoder(window=4, width=4, latent=2, batch_size=8, trainer=brief),
    }
    return {
        name: one.fit(values).save(folder / f"{name}.ats").read_bytes()
        for name, one in detectors.items()
    }


def parts(data):
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return json.loads(archive.read(JSON)), load(archive.read(ARRAYS))


def packed(*entries, method=zipfile.ZIP_STORED):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, content in entries:
            archive.writestr(name, content)
    return file.getvalue()


def rebuilt(data, change):
    """The file with its tree and arrays changed by hand, and checksums that fit."""
    content, arrays = parts(data)
    content = change(content, arrays) or content
    text = content if isinstance(content, bytes) else json.dumps(content).encode()
    return packed((JSON, text), (ARRAYS, save(arrays)))


def entries(data):
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return [(name, archive.read(name)) for name in archive.namelist()]


def put(*path, to):
    def change(content, _):
        place = content
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = to

    return change


def state(content, name):
    """The tree of an attribute that the detector has learnt."""
    tree = content["detector"]["state"]
    return tree["values"][tree["keys"].index(name)]


def set_state(name, to):
    def change(content, _):
        tree = content["detector"]["state"]
        tree["values"][tree["keys"].index(name)] = to

    return change


def forest(content):
    tree = state(content, "forest_")["state"]
    trees = tree["values"][tree["keys"].index("estimators_")]["items"]
    first = trees[0]["state"]
    return first["values"][first["keys"].index("tree_")]


def lead_astray(content, arrays):
    name = forest(content)["nodes"]["columns"]["left_child"]["name"]
    arrays[name] = np.where(arrays[name] >= 0, 10**9, arrays[name])


def circle(content, arrays):
    name = forest(content)["nodes"]["columns"]["right_child"]["name"]
    arrays[name] = np.where(arrays[name] >= 0, 0, arrays[name])


def drop_a_field(content, _):
    del forest(content)["nodes"]["columns"]["feature"]


def other_estimator(content, _):
    state(content, "forest_")["class"] = "sklearn.pipeline.Pipeline"


def half_weights(_, arrays):
    for name, array in arrays.items():
        if array.dtype == np.float32 and array.ndim == 2:
            arrays[name] = array.astype(np.float16)


def fewer_weights(content, _):
    tree = state(content, "model_")
    del tree["keys"][0], tree["values"][0]


def wide(content, _):
    for tree in (content["detector"]["settings"], state(content, "_params_of_fit_")):
        tree["values"][tree["keys"].index("width")] = 10**7


def nan_shapes(data):
    (name, text), (_, stored) = entries(data)
    length = struct.unpack("<Q", stored[:8])[0]
    header = json.loads(stored[8 : 8 + length])
    for array in header.values():
        array["shape"] = [float("nan")]
    return packed((name, text), (ARRAYS, tensors(header, stored[8 + length :])))


def tensors(header, body):
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + body


def huge_tensor(data):
    header = {"0": {"dtype": "F64", "shape": [10**9, 10**9], "data_offsets": [0, 8 * 10**18]}}
    return packed(entries(data)[0], (ARRAYS, tensors(header, b"")))


def overlapping(data):
    cell = {"dtype": "F64", "shape": [2], "data_offsets": [0, 16]}
    return packed(entries(data)[0], (ARRAYS, tensors({"0": cell, "1": cell}, bytes(16))))


def bomb(data):
    return packed((JSON, b" " * 2**27), entries(data)[1], method=zipfile.ZIP_DEFLATED)


def with_lied_size(data):
    """The central directory says that the first entry is 100 bytes longer than it is."""
    at = data.rindex(b"PK\x01\x02", 0, data.rindex(b"PK\x01\x02"))
    sizes = struct.unpack("<II", data[at + 20 : at + 28])
    return data[: at + 20] + struct.pack("<II", *(size + 100 for size in sizes)) + data[at + 28 :]


def swapped_bits(data):
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 255]) + data[middle + 1 :]


def altered_weights(_, arrays):
    for name, array in arrays.items():
        if array.dtype == np.float32 and array.ndim == 2:
            arrays[name] = array + 1


def unused_array(_, arrays):
    arrays["more"] = np.zeros(3)


def nested(content, _):
    for _ in range(300):
        content["parts"] = {"kind": "list", "items": [content["parts"]]}


CHANGES = {
    "empty": lambda d: b"",
    "text": lambda d: b"hello, this is no model",
    "truncated at the start": lambda d: d[:100],
    "truncated at the end": lambda d: d[:-30],
    "a bit flipped": swapped_bits,
    "a pickle": lambda d: pickle.dumps(Bomb()),
    "a pickle for JSON": lambda d: packed((JSON, pickle.dumps(Bomb())), entries(d)[1]),
    "a pickle for arrays": lambda d: packed(entries(d)[0], (ARRAYS, pickle.dumps(Bomb()))),
    "a pickle beside": lambda d: packed(*entries(d), ("data.pkl", pickle.dumps(Bomb()))),
    "path traversal": lambda d: packed(*entries(d), ("../../outside.txt", b"x")),
    "absolute path": lambda d: packed((f"/{JSON}", entries(d)[0][1]), entries(d)[1]),
    "an entry missing": lambda d: packed(entries(d)[0]),
    "an entry twice": lambda d: packed(entries(d)[0], *entries(d)),
    "compressed": lambda d: packed(*entries(d), method=zipfile.ZIP_DEFLATED),
    "zip bomb": bomb,
    "sizes that lie": with_lied_size,
    "JSON of another kind": lambda d: packed((JSON, b"[1, 2]"), entries(d)[1]),
    "JSON cut off": lambda d: packed((JSON, entries(d)[0][1][:50]), entries(d)[1]),
    "JSON nested": lambda d: packed((JSON, b"[" * 10**5), entries(d)[1]),
    "JSON with a name twice": lambda d: packed((JSON, b'{"a": 1, "a": 2}'), entries(d)[1]),
    "JSON with NaN": lambda d: packed((JSON, b'{"format": NaN}'), entries(d)[1]),
    "JSON with a huge number": lambda d: packed((JSON, b"9" * 10**4), entries(d)[1]),
    "JSON no UTF-8": lambda d: packed((JSON, b'{"\xff": 1}'), entries(d)[1]),
    "values nested": lambda d: rebuilt(d, nested),
    "no format": lambda d: rebuilt(d, put("format", to="1")),
    "a later format": lambda d: rebuilt(d, put("format", to=99)),
    "a part missing": lambda d: rebuilt(d, lambda c, _: c.pop("parts") and None),
    "an unknown class": lambda d: rebuilt(d, put("detector", "class", to="nowhere.Detector")),
    "no class": lambda d: rebuilt(d, put("detector", "class", to=["os", "system"])),
    "a function": lambda d: rebuilt(d, put("detector", "class", to="os.system")),
    "a class that is none": lambda d: rebuilt(d, put("detector", "class", to="subprocess.Popen")),
    "another class of ours": lambda d: rebuilt(
        d, put("detector", "class", to="anomalib_ts.data.CsvFile")
    ),
    "the base class": lambda d: rebuilt(
        d, put("detector", "class", to="anomalib_ts.detectors.base.Detector")
    ),
    "the program itself": lambda d: rebuilt(
        d, put("detector", "class", to="anomalib_ts.__main__.main")
    ),
    "through a module": lambda d: rebuilt(
        d, put("detector", "class", to="anomalib_ts.cli.main.os.system")
    ),
    "another detector": lambda d: rebuilt(
        d, put("detector", "class", to="anomalib_ts.detectors.usad.detector.Usad")
    ),
    "an unknown kind": lambda d: rebuilt(d, set_state("n_channels_", {"kind": "pickle"})),
    "no channels": lambda d: rebuilt(d, set_state("n_channels_", 0)),
    "other channels": lambda d: rebuilt(d, set_state("n_channels_", 7)),
    "a text for channels": lambda d: rebuilt(d, set_state("n_channels_", "2")),
    "names that are none": lambda d: rebuilt(d, set_state("channel_names_", 5)),
    "a scaler that is none": lambda d: rebuilt(d, set_state("scaler_", 1.0)),
    "an object of a class that is none": lambda d: rebuilt(
        d, set_state("scaler_", {"kind": "object", "class": "os.Popen", "fields": {}})
    ),
    "an object of ours": lambda d: rebuilt(
        d,
        set_state("scaler_", {"kind": "object", "class": "anomalib_ts.data.CsvFile", "fields": {}}),
    ),
    "an array that is missing": lambda d: rebuilt(
        d, set_state("n_channels_", {"kind": "array", "name": "none", "turned": False})
    ),
    "an array too many": lambda d: rebuilt(d, unused_array),
    "a method replaced": lambda d: rebuilt(
        d, lambda c, _: c["detector"]["state"]["keys"].append("_score")
    ),
    "shapes that are NaN": nan_shapes,
    "a huge tensor": huge_tensor,
    "tensors that overlap": overlapping,
}
OF_FORESTS = {
    "another estimator": lambda d: rebuilt(d, other_estimator),
    "nodes that lead astray": lambda d: rebuilt(d, lead_astray),
    "nodes in a circle": lambda d: rebuilt(d, circle),
    "nodes without a column": lambda d: rebuilt(d, drop_a_field),
    "negative window": lambda d: rebuilt(d, set_state("window_", -3)),
    "huge window": lambda d: rebuilt(d, set_state("window_", 10**12)),
}
OF_NETWORKS = {
    "weights of another type": lambda d: rebuilt(d, half_weights),
    "weights missing": lambda d: rebuilt(d, fewer_weights),
    "weights altered": lambda d: rebuilt(d, altered_weights),
    "a network beyond all memory": lambda d: rebuilt(d, wide),
}
CASES = [
    *(("forest", change) for change in CHANGES.items()),
    *(("forest", change) for change in OF_FORESTS.items()),
    *(("network", change) for change in OF_NETWORKS.items()),
]


@pytest.mark.parametrize(("which", "change"), CASES, ids=[f"{w}: {c[0]}" for w, c in CASES])
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_it_is_one_clear_error(which, change, whole, tmp_path):
    path = tmp_path / "bad.ats"
    path.write_bytes(change[1](whole[which]))
    RAN.clear()
    with pytest.raises(AnomalibTsError) as caught:
        load_detector(path)
    text = str(caught.value)
    assert "bad.ats" in text
    assert "\n" not in text
    assert len(text) < 700
    assert RAN == []
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("which", ["forest", "network"])
def test_the_same_hands_change_nothing_if_they_change_nothing(which, whole, tmp_path):
    path = tmp_path / "good.ats"
    path.write_bytes(rebuilt(whole[which], lambda content, arrays: copy.deepcopy(content)))
    load_detector(path)


def test_every_byte_counts(whole, tmp_path):
    """Bytes flipped anywhere: an error, or (in what ZIP does not check, such as dates) no harm."""
    data, path = whole["forest"], tmp_path / "bad.ats"
    expected = load_detector_from(data, path).score(np.zeros((9, 2)))
    harmless = 0
    for place in np.linspace(0, len(data) - 1, 60).astype(int):
        try:
            found = load_detector_from(
                data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :], path
            )
        except AnomalibTsError:
            continue
        harmless += 1
        np.testing.assert_array_equal(found.score(np.zeros((9, 2))), expected)
    assert harmless < 6


def load_detector_from(data, path):
    path.write_bytes(data)
    return load_detector(path)
