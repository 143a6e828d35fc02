import os
from contextlib import suppress

import numpy as np
import pytest
from PIL import Image, ImageDraw

from cnnlab.cli.terminal_picture import terminal_picture
from cnnlab.errors import UserError
from cnnlab.prepare import PREPARATIONS, prepare, read_image, scale_and_cut


def one_line(caught):
    text = str(caught.value)
    assert "\n" not in text
    return text


def test_an_unknown_preparation_offers_the_nearest():
    with pytest.raises(UserError, match="did you mean digit") as caught:
        prepare(Image.new("L", (28, 28)), preparation="digits", shape=(1, 28, 28))
    one_line(caught)


def test_none_keeps_pixels_and_refuses_another_size():
    pixels = np.arange(784).reshape(28, 28).astype(np.uint8)
    prepared = prepare(Image.fromarray(pixels), preparation="none", shape=(3, 28, 28))
    assert np.array_equal(prepared, np.stack([pixels] * 3))
    with pytest.raises(UserError, match=r"30×20 .*expected 28×28") as caught:
        prepare(Image.new("L", (20, 30)), preparation="none", shape=(1, 28, 28))
    one_line(caught)


def test_fit_cuts_about_the_centre_and_lays_alpha_over_white():
    image = Image.new("RGBA", (90, 30), (0, 0, 0, 0))
    ImageDraw.Draw(image).rectangle((30, 0, 59, 29), fill=(255, 0, 0, 255))
    assert np.array_equal(scale_and_cut(image, 3, (10, 10))[:, 5, 5], [255, 0, 0])
    assert scale_and_cut(image, 1, (10, 30))[0, 5, 0] == 255
    with pytest.raises(UserError, match="2 channels"):
        scale_and_cut(image, 2, (10, 10))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr", "HSV", "I", "I;16", "F"])
@pytest.mark.parametrize("preparation", PREPARATIONS)
def test_every_mode_of_pillow_is_taken(mode, preparation):
    bright = Image.new("L", (28, 28), 255)
    ImageDraw.Draw(bright).line((9, 6, 18, 22), fill=0, width=3)
    if mode in ("I", "I;16"):
        image = Image.fromarray(np.asarray(bright).astype({"I": np.int32, "I;16": np.uint16}[mode]) * 257)
    elif mode == "PA":
        image = bright.convert("LA").convert("PA")
    else:
        image = bright.convert("RGB").convert(mode) if mode in ("CMYK", "YCbCr", "HSV") else bright.convert(mode)
    for channels in (1, 3):
        prepared = prepare(image, preparation=preparation, shape=(channels, 28, 28))
        assert prepared.shape == (channels, 28, 28)
        assert prepared.dtype == np.uint8
        inverted = preparation in ("digit", "garment")
        assert prepared[0, 0, 0] == (0 if inverted else 255), mode
        assert abs(int(prepared[0, 14, 14]) - (255 if inverted else 0)) < 30, mode


def test_garment_is_trimmed_centred_and_keeps_its_grays():
    rng = np.random.default_rng(0)
    photo = np.clip(rng.normal(245, 2, (800, 600)), 0, 255)
    photo[100:660, 250:390] = 122  # 560 by 140
    photo[300:400, 250:390] = 0
    prepared = prepare(Image.fromarray(photo.astype(np.uint8)), preparation="garment", shape=(1, 28, 28))[0]
    rows, columns = np.nonzero(prepared > 20)
    assert (rows.min(), rows.max()) == (0, 27)
    assert np.ptp(columns) + 1 == 7
    assert abs(columns.mean() - 13.5) <= 1
    assert prepared[24, 14] == pytest.approx(128, abs=10)
    assert prepared[12, 14] > 240
    with pytest.raises(UserError, match=r"^no object found") as caught:
        prepare(Image.new("L", (50, 50), 200), preparation="garment", shape=(1, 28, 28))
    one_line(caught)


def test_an_image_is_read_upright(tmp_path):
    image = Image.new("RGB", (40, 20), "white")
    exif = Image.Exif()
    exif[0x0112] = 6
    image.save(tmp_path / "turned.jpg", exif=exif)
    assert read_image(tmp_path / "turned.jpg").size == (20, 40)


def test_what_cannot_be_read_is_an_error_of_one_line(tmp_path):
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8))
    for kind in ("png", "jpg", "gif", "tiff", "webp", "bmp"):
        noise.save(tmp_path / f"whole.{kind}")
        assert read_image(tmp_path / f"whole.{kind}").size == (64, 64)
        data = (tmp_path / f"whole.{kind}").read_bytes()
        (tmp_path / f"half.{kind}").write_bytes(data[: len(data) // 2])
        with pytest.raises(UserError, match=rf"half\.{kind}") as caught:
            read_image(tmp_path / f"half.{kind}")
        one_line(caught)
    (tmp_path / "text.png").write_text("not an image")
    (tmp_path / "empty.png").touch()
    Image.new("1", (14_000, 14_000)).save(tmp_path / "bomb.png")
    for name, said in {
        "missing.png": "no such file",
        ".": "is a directory",
        "text.png": "not an image",
        "empty.png": "an empty file",
        "bomb.png": "million pixels",
    }.items():
        with pytest.raises(UserError, match=said) as caught:
            read_image(tmp_path / name)
        one_line(caught)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(tmp_path):
    Image.new("L", (4, 4)).save(tmp_path / "secret.png")
    (tmp_path / "secret.png").chmod(0)
    with pytest.raises(UserError, match="permission denied"):
        read_image(tmp_path / "secret.png")


def test_damaged_bytes_never_raise_anything_but_an_error_for_the_user(tmp_path):
    rng = np.random.default_rng(0)
    noise = Image.fromarray(rng.integers(0, 256, (24, 24, 3), dtype=np.uint8))
    for kind in ("png", "jpg", "gif", "tiff", "webp", "bmp", "ppm"):
        noise.save(tmp_path / f"whole.{kind}")
        data = np.frombuffer((tmp_path / f"whole.{kind}").read_bytes(), dtype=np.uint8)
        for _ in range(30):
            damaged = data.copy()
            where = rng.integers(0, min(len(data), 200), 4)
            damaged[where] = rng.integers(0, 256, 4)
            (tmp_path / f"damaged.{kind}").write_bytes(damaged[: rng.integers(1, len(data) + 1)].tobytes())
            with suppress(UserError):
                read_image(tmp_path / f"damaged.{kind}")


def test_a_terminal_picture_has_a_line_a_row_or_half_as_many_in_colour():
    image = np.zeros((1, 5, 4), dtype=np.uint8)
    image[0, 2, 1] = 255
    lines = terminal_picture(image).split("\n")
    assert lines == [" " * 8, " " * 8, "  ██    ", " " * 8, " " * 8]
    coloured = terminal_picture(np.repeat(image, 3, axis=0), colour=True).split("\n")
    assert [line.count("▀") for line in coloured] == [4, 4, 4]
    assert "\x1b[38;2;255;255;255m" in coloured[1]
