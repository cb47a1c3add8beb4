"""Import of Keras generators: equal images, and refusal of unsupported or hostile files, naming the layer."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch

from digitgan.errors import ModelFileError, RecipeError
from digitgan.exporters.keras_families import keras_generator
from digitgan.exporters.keras_import import read_keras
from digitgan.exporters.keras_layers import load_keras
from digitgan.model.file import load_model, save_model
from digitgan.recipes import RECIPES
from tests.exporters.networks import VARIANTS, generator_of, inputs_of

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")  # raised within Keras

keras = load_keras()
layers = keras.layers


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a small conditional generator in both formats of Keras."""
    folder = tmp_path_factory.mktemp("saved")
    save(reference_generator(), folder)
    return folder


def save(model: Any, folder: Path) -> None:
    model.save(folder / "generator.keras")
    (folder / "generator.json").write_text(model.to_json(), encoding="utf-8")
    model.save_weights(folder / "generator.weights.h5")


def reference_generator() -> Any:
    """Return a typical Keras generator: an embedded label, and activations as arguments of the layers."""
    keras.utils.set_random_seed(1)
    z, labels = keras.Input((20,)), keras.Input((1,), dtype="int32")
    label = layers.Flatten()(layers.Embedding(10, 5)(labels))
    values = layers.Dense(7 * 7 * 8, use_bias=False)(layers.concatenate([z, label]))
    maps = layers.LeakyReLU(negative_slope=0.3)(layers.BatchNormalization()(values))
    maps = layers.Reshape((7, 7, 8))(maps)
    maps = layers.Conv2DTranspose(6, 5, strides=2, padding="same", activation="relu")(maps)
    maps = layers.Dropout(0.2)(layers.UpSampling2D()(maps))
    return keras.Model([z, labels], layers.Conv2D(1, 3, padding="same", activation="tanh")(maps))


def drawn(model: Any, z: torch.Tensor, labels: torch.Tensor | None) -> np.ndarray:
    given = z.numpy() if labels is None else [z.numpy(), labels.numpy()]
    images: np.ndarray = model.predict(given, verbose=0)
    return images.reshape(len(z), *images.shape[1:3], -1).transpose(0, 3, 1, 2)


UNREADABLE = {
    "residual, bottlenecks, sum": r"'stage_0_block_0_convolution_1': groups",
    "residual, patches of 2, attention": "'stage_1_attention_products' .*Dot",
}
"""The exports that have layers which cannot be imported, and what the message names."""


@pytest.mark.parametrize("name", UNREADABLE)
def test_an_export_with_other_layers_is_refused_with_their_name(name: str, tmp_path: Path) -> None:
    save(keras_generator(generator_of(VARIANTS[name]), conditional=VARIANTS[name].conditional), tmp_path)
    with pytest.raises(ModelFileError, match=UNREADABLE[name]):
        read_keras(tmp_path / "generator.keras", None, None)


@pytest.mark.parametrize("name", [name for name in VARIANTS if name not in UNREADABLE])
def test_a_round_trip_changes_nothing(name: str, tmp_path: Path) -> None:
    recipe = VARIANTS[name]
    generator = generator_of(recipe)
    deep = recipe.generator.family in ("residual", "style")  # their rounding adds up over more layers
    save(keras_generator(generator, conditional=recipe.conditional), tmp_path)
    z, labels = inputs_of(generator, 5)
    with torch.no_grad():
        images = generator(z, labels)
    for paths in (("generator.keras", None), ("generator.json", tmp_path / "generator.weights.h5")):
        model = read_keras(tmp_path / paths[0], paths[1], None)
        assert model.recipe.conditional == recipe.conditional
        with torch.no_grad():
            torch.testing.assert_close(model.generator(z, labels), images, atol=5e-5 if deep else 2e-6, rtol=0)
    save_model(tmp_path / "model.safetensors", model)
    again = load_model(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(again.sample([0] * 3), model.sample([0] * 3))


def test_a_generator_as_its_users_write_it(saved: Path) -> None:
    model = read_keras(saved / "generator.keras", None, list("abcdefghij"))
    z, labels = torch.randn(6, 20), torch.arange(6)[:, None]
    with torch.no_grad():
        images = model.generator(z, labels[:, 0]).numpy()
    assert images.std() > 0.01
    np.testing.assert_allclose(images, drawn(reference_generator(), z, labels), atol=5e-5)
    assert model.class_names == tuple("abcdefghij")
    assert model.sample([2, 3]).shape == (2, 28, 28)


def one_hot_given() -> Any:
    z, labels = keras.Input((8,)), keras.Input((10,), name="labels")
    pixels = layers.Dense(64, activation="sigmoid")(layers.Concatenate()([z, labels]))
    return keras.Model([z, labels], layers.Reshape((8, 8, 1))(pixels))


def one_hot_made() -> Any:
    z, labels = keras.Input((8,)), keras.Input((1,), dtype="int32")
    label = layers.CategoryEncoding(10, output_mode="one_hot")(labels)
    return keras.Model([z, labels], layers.Reshape((8, 8))(layers.Dense(64, "tanh")(layers.Concatenate()([z, label]))))


def labels_first() -> Any:
    labels, z = keras.Input((1,), dtype="int32"), keras.Input((8,))
    label = layers.Flatten()(layers.Embedding(10, 8)(labels))
    return keras.Model([labels, z], layers.Reshape((8, 8, 1))(layers.Dense(64, "tanh")(layers.Multiply()([z, label]))))


def sequential() -> Any:
    return keras.Sequential(
        [
            keras.Input((8,)),
            layers.Dense(64, "elu"),
            layers.Reshape((8, 8, 1)),
            layers.Conv2D(3, 3, padding="same"),
            layers.Activation("tanh"),
        ]
    )


def valid_padding() -> Any:
    z = keras.Input((8,))
    maps = layers.Reshape((3, 3, 4))(layers.Dense(36)(z))
    maps = layers.Conv2DTranspose(5, (3, 4), strides=(2, 3), padding="valid", activation="silu")(maps)
    return keras.Model(z, layers.Conv2D(1, 3, strides=1, activation="tanh")(maps))


def recurrent() -> Any:
    z = keras.Input((8,))
    rows = layers.LSTM(7, return_sequences=True, use_bias=False)(layers.Reshape((9, 4))(layers.Dense(36)(z)))
    return keras.Model(z, layers.Reshape((9, 5, 1))(layers.Dense(5, "sigmoid")(rows)))


@pytest.mark.parametrize("build", [one_hot_given, one_hot_made, labels_first, sequential, valid_padding, recurrent])
def test_other_ways_of_writing_one(build: Callable[[], Any], tmp_path: Path) -> None:
    keras.utils.set_random_seed(2)
    original = build()
    save(original, tmp_path)
    model = read_keras(tmp_path / "generator.keras", None, None)
    z, labels = torch.randn(4, 8), torch.tensor([3, 0, 9, 5])
    with torch.no_grad():
        images = model.generator(z, labels % len(model.class_names))
        mixed = model.generator(z, torch.nn.functional.one_hot(labels % len(model.class_names), len(model.class_names)).float())
    given: Any = z.numpy()
    if build is one_hot_given:
        given = [given, np.eye(10, dtype=np.float32)[labels.numpy()]]
    elif build is one_hot_made:
        given = [given, labels.numpy()[:, None]]
    elif build is labels_first:
        given = [labels.numpy()[:, None], given]
    expected = original.predict(given, verbose=0)
    expected = expected[..., None] if expected.ndim == 3 else expected
    unit = build in (one_hot_given, recurrent)
    np.testing.assert_allclose(images.permute(0, 2, 3, 1).numpy(), expected * 2 - 1 if unit else expected, atol=5e-5)
    torch.testing.assert_close(mixed, images)
    # Export again: the same Keras layers, with integer labels and pixels in [-1, 1].
    again = keras_generator(model.generator, conditional=model.recipe.conditional)
    fed = [z.numpy(), (labels % len(model.class_names)).numpy()[:, None]] if model.recipe.conditional else z.numpy()
    np.testing.assert_allclose(again.predict(fed, verbose=0), images.permute(0, 2, 3, 1).numpy(), atol=5e-5)


def sigmoid_then(*further: Any) -> Any:
    z = keras.Input((8,))
    images = layers.Reshape((8, 8, 1))(layers.Dense(64, "sigmoid")(z))
    for layer in further:
        images = layer(images)
    return keras.Model(z, images)


@pytest.mark.parametrize(
    ("further", "low", "high"),
    [
        ([], 0, 1),
        ([("GaussianNoise", {"stddev": 0.1})], 0, 1),
        ([("UpSampling2D", {})], 0, 1),
        ([("Rescaling", {"scale": 2.0, "offset": -1.0})], -1, 1),
        ([("Rescaling", {"scale": 255.0})], 0, 255),
        ([("Rescaling", {"scale": 0.5}), ("Rescaling", {"scale": 4.0, "offset": -1.0}), ("Dropout", {"rate": 0.1})], -1, 1),
    ],
)
def test_pixels_keep_their_range(further: list[tuple[str, dict[str, Any]]], low: float, high: float, tmp_path: Path) -> None:
    original = sigmoid_then(*(getattr(layers, kind)(**settings) for kind, settings in further))
    save(original, tmp_path)
    z = torch.randn(5, 8)
    with torch.no_grad():
        images = read_keras(tmp_path / "generator.keras", None, None).generator(z, torch.zeros(5, dtype=torch.int64)).numpy()
    expected = (original.predict(z.numpy(), verbose=0).transpose(0, 3, 1, 2) - low) / (high - low) * 2 - 1
    np.testing.assert_allclose(images, expected, atol=5e-5)


def test_pixels_of_no_known_range_are_refused(tmp_path: Path) -> None:
    save(sigmoid_then(layers.Rescaling(3.0)), tmp_path)
    assert "from 0 to 3;" in refused(tmp_path / "generator.keras")
    save(sigmoid_then(layers.Conv2D(1, 3, padding="same", activation="relu")), tmp_path)
    assert re.search("tanh.*sigmoid", refused(tmp_path / "generator.keras"))


def test_the_folder_of_an_export_is_taken(saved: Path) -> None:
    assert read_keras(saved, None, None).class_names == tuple("0123456789")
    assert "generator.json: has no weights; give them with --weights" in refused(saved / "generator.json")


def refused(path: Path, weights: Path | None = None) -> str:
    with pytest.raises(ModelFileError) as problem:
        read_keras(path, weights, None)
    return str(problem.value)


def test_a_lambda_is_named_and_never_run(tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    name = str(canary)
    z = keras.Input((8,))
    shown = layers.Lambda(
        lambda values: (__import__("pathlib").Path(name).touch(), values)[1], name="innocent", output_shape=(8,)
    )(z)
    save(keras.Model(z, layers.Reshape((2, 4, 1))(shown)), tmp_path)
    path = tmp_path / "generator.keras"
    keras.saving.load_model(path, safe_mode=False).predict(np.zeros((1, 8)), verbose=0)
    canary.unlink()  # Keras without its safe mode executes the code, so the canary works
    assert re.search(r"layer 'innocent' .*Lambda", refused(path))
    assert re.search(r"layer 'innocent' .*Lambda", refused(tmp_path / "generator.json", tmp_path / "generator.weights.h5"))
    assert not canary.exists()


def altered(saved: Path, change: Callable[[Any], None]) -> Path:
    path = saved / "altered.json"
    described = json.loads((saved / "generator.json").read_text(encoding="utf-8"))
    change(described["config"])
    path.write_text(json.dumps(described), encoding="utf-8")
    return path


def setting(kind: str, key: str, value: Any) -> Callable[[Any], None]:
    def change(config: Any) -> None:
        next(layer for layer in config["layers"] if layer["class_name"] == kind)["config"][key] = value

    return change


def kind_of(old: str, new: str) -> Callable[[Any], None]:
    def change(config: Any) -> None:
        next(layer for layer in config["layers"] if layer["class_name"] == old)["class_name"] = new

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (kind_of("Dropout", "SpectralNormalization"), r"layer 'dropout\w*' .*SpectralNormalization"),
        (kind_of("Dropout", "os.system"), r"layer 'dropout\w*' .*os\.system"),
        (kind_of("Dropout", "Sequential"), r"layer 'dropout\w*' .*Sequential"),
        (setting("Conv2D", "data_format", "channels_first"), "layer 'conv2d.*data_format = 'channels_first'"),
        (setting("Conv2D", "activation", {"class_name": "__import__"}), "activation"),
        (setting("Conv2D", "filters", 10**12), "layer 'conv2d.*100,000,000"),
        (setting("Conv2D", "filters", -1), "filters = -1"),
        (setting("Dense", "units", 10**9), "layer 'dense.*100,000,000"),
        (setting("UpSampling2D", "size", [10**6, 10**6]), "layer 'up_sampling2d.*100,000,000"),
        (setting("Reshape", "target_shape", [7, 7, 9]), "layer 'reshape"),
        (setting("BatchNormalization", "axis", 0), "axis = 0"),
        (lambda config: config.update(output_layers=[["nobody", 0, 0]]), "'nobody'"),
        (lambda config: config["layers"].clear(), r"\b0 layers"),
        (lambda config: config.update(layers=3), "Keras 3.*TypeError"),
    ],
)
def test_what_is_not_known_is_named(saved: Path, change: Callable[[Any], None], message: str) -> None:
    assert re.search(message, refused(altered(saved, change), saved / "generator.weights.h5"))


@pytest.mark.parametrize(
    "text", ["", "3", "[" * 100_000, '{"class_name": "Functional"}', '{"class_name": "Evil", "config": {}}']
)
def test_what_is_no_architecture_is_said(saved: Path, tmp_path: Path, text: str) -> None:
    path = tmp_path / "generator.json"
    path.write_text(text, encoding="utf-8")
    assert "generator.json" in refused(path, saved / "generator.weights.h5")


def weights_with(saved: Path, tmp_path: Path, change: Callable[[Any], None]) -> Path:
    path = tmp_path / "altered.weights.h5"
    path.write_bytes((saved / "generator.weights.h5").read_bytes())
    with h5py.File(path, "r+") as file:
        change(file)
    return path


def test_weights_that_lead_elsewhere_are_not_followed(saved: Path, tmp_path: Path) -> None:
    """Check links to another HDF5 file, to raw bytes of another file, and within the same file."""
    secret = tmp_path / "secret.h5"
    with h5py.File(secret, "w") as file:
        file["kernel"] = np.ones((25, 392), dtype=np.float32)
    raw = tmp_path / "secret.bin"
    raw.write_bytes(np.ones((25, 392), dtype=np.float32).tobytes())
    place = "layers/dense/vars/0"

    def outwards(file: Any) -> None:
        del file[place]
        file[place] = h5py.ExternalLink(str(secret), "kernel")

    def sideways(file: Any) -> None:
        file["elsewhere"] = file[place][()]
        del file[place]
        file[place] = h5py.SoftLink("/elsewhere")

    def raw_bytes(file: Any) -> None:
        del file[place]
        file.create_dataset(place, (25, 392), np.float32, external=[(str(raw), 0, h5py.h5f.UNLIMITED)])

    def virtual(file: Any) -> None:
        del file[place]
        layout = h5py.VirtualLayout((25, 392), np.float32)
        layout[:] = h5py.VirtualSource(str(secret), "kernel", (25, 392))
        file.create_virtual_dataset(place, layout)

    for change in (outwards, sideways, raw_bytes, virtual):
        assert place in refused(saved / "generator.json", weights_with(saved, tmp_path, change)), change.__name__


def test_weights_that_do_not_fit_are_named(saved: Path, tmp_path: Path) -> None:
    place = "layers/dense/vars/0"

    def other(shape: tuple[int, ...], kind: str, fill: float = 0.0) -> Callable[[Any], None]:
        def change(file: Any) -> None:
            del file[place]
            file.create_dataset(place, shape, kind, fillvalue=fill, chunks=True, compression="gzip")

        return change

    for change, message in (
        (other((25, 391), "f4"), r"float32 \(25, 391\).*float32 \(25, 392\)"),
        (other((10**6, 10**6), "f4"), r"float32 \(1000000, 1000000\).*float32 \(25, 392\)"),  # 4 TB compressed to 1 kB
        (other((25, 392), "i4"), r"int32 \(25, 392\).*float32 \(25, 392\)"),
        (other((25, 392), "f4", float("nan")), rf"{place} .*not finite"),
        (lambda file: file.pop("layers/dense/vars"), f"{place} .*missing"),
        (lambda file: file.attrs.update(layer_names=["a"]), "Keras 2"),
    ):
        assert re.search(message, refused(saved / "generator.json", weights_with(saved, tmp_path, change)))
    broken = tmp_path / "broken.weights.h5"
    content = (saved / "generator.weights.h5").read_bytes()
    for length in (0, 100, len(content) // 2):
        broken.write_bytes(content[:length])
        assert "weights" in refused(saved / "generator.json", broken)


def test_archives_that_lie_are_refused(saved: Path, tmp_path: Path) -> None:
    content = (saved / "generator.keras").read_bytes()
    path = tmp_path / "generator.keras"
    for broken in (
        content[: len(content) // 2],
        b"",
        b"\x80\x04cos\nsystem\n(S'touch canary'\ntR.",
        content.replace(b"PK", b"KP"),
    ):
        path.write_bytes(broken)
        assert "generator.keras: " in refused(path)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as bomb:
        bomb.writestr("config.json", bytes(64 * 2**20))  # 64 MiB in 64 kB
        bomb.writestr("model.weights.h5", b"")
    assert path.stat().st_size < 100_000
    assert re.search("config.json .*67,108,864", refused(path))
    with zipfile.ZipFile(io.BytesIO(content)) as archive, zipfile.ZipFile(path, "w") as other:
        other.writestr("config.json", archive.read("config.json"))
    assert "model.weights.h5" in refused(path)


def test_class_names_have_to_fit(saved: Path) -> None:
    with pytest.raises(ModelFileError, match=r"\b10\b.*--class-names 3\b"):
        read_keras(saved / "generator.keras", None, ["a", "b", "c"])


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    assert "none.keras: " in refused(tmp_path / "none.keras")


def test_such_a_generator_is_not_trained(saved: Path, tmp_path: Path) -> None:
    from digitgan.session.recipe import checked_recipe

    recipe = read_keras(saved / "generator.keras", None, None).recipe
    with pytest.raises(RecipeError, match=r"generator\.family"):
        checked_recipe(recipe)
    assert recipe.generator.family not in {other.generator.family for other in RECIPES.values()}
