import contextlib
import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from enamel_lib import images
from enamel_lib.errors import InputError

RGB = np.random.default_rng(0).integers(0, 256, (30, 40, 3), dtype=np.uint8)


def save(path, array, mode=None, **options):
    picture = Image.fromarray(array)
    (picture.convert(mode) if mode else picture).save(path, **options)
    return path


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width, height, depth, colour, rows, interlaced=0):
    """A PNG built by hand, for what Pillow cannot write."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced)
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def read_or_refused(path):
    """The picture, or None where it was refused; any other error fails the test."""
    with contextlib.suppress(InputError):
        return images.read_image(path)


def one_line(error):
    return "\n" not in str(error.value) and len(str(error.value)) > 20


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.bmp", "a.ppm", "picture-with-no-suffix"])
def test_lossless_colour_is_read_as_it_is(tmp_path, name):
    path = save(tmp_path / name, RGB, format=None if "." in name else "PNG")
    read = images.read_image(path)
    assert read.dtype == np.uint8
    np.testing.assert_array_equal(read, RGB)


def test_jpeg_and_webp_are_read(tmp_path):
    smooth = np.broadcast_to(np.linspace(0, 255, 40).astype(np.uint8)[:, None], (30, 40, 3))
    smooth = np.ascontiguousarray(smooth)
    for name in ("a.jpg", "a.webp"):
        assert np.abs(images.read_image(save(tmp_path / name, smooth)).astype(int) - smooth).max() < 60


def test_grey_one_bit_and_palette(tmp_path):
    grey = RGB[..., 0]
    np.testing.assert_array_equal(images.read_image(save(tmp_path / "g.png", grey)), np.dstack([grey] * 3))
    bit = images.read_image(save(tmp_path / "b.png", grey, "1"))
    assert set(np.unique(bit)) == {0, 255}
    picture = Image.fromarray(RGB).quantize(16)
    picture.save(tmp_path / "p.png")
    np.testing.assert_array_equal(images.read_image(tmp_path / "p.png"), np.asarray(picture.convert("RGB")))


def test_sixteen_bit_keeps_the_high_byte(tmp_path):
    grey = np.arange(6, dtype=np.uint16).reshape(2, 3) * 13107
    for name in ("g.png", "g.tif"):
        read = images.read_image(save(tmp_path / name, grey))
        np.testing.assert_array_equal(read, np.dstack([grey >> 8] * 3))
    colour = RGB[:2, :2].astype(">u2") * 257
    rows = b"".join(b"\0" + row.tobytes() for row in colour)
    (tmp_path / "c.png").write_bytes(png(2, 2, 16, 2, rows))
    np.testing.assert_array_equal(images.read_image(tmp_path / "c.png"), RGB[:2, :2])


def test_interlaced(tmp_path):
    """Adam7 of a 2 x 2 picture: pass 1 has the first pixel, pass 6 the second, pass 7 the second row."""
    rows = b"\0" + RGB[0, 0].tobytes() + b"\0" + RGB[0, 1].tobytes() + b"\0" + RGB[1, :2].tobytes()
    (tmp_path / "i.png").write_bytes(png(2, 2, 8, 2, rows, interlaced=1))
    np.testing.assert_array_equal(images.read_image(tmp_path / "i.png"), RGB[:2, :2])


def test_alpha_multiplies_the_colour(tmp_path):
    alpha = np.full((30, 40), 255, np.uint8)
    np.testing.assert_array_equal(images.read_image(save(tmp_path / "o.png", np.dstack([RGB, alpha]))), RGB)
    alpha[:10], alpha[10:20] = 0, 128
    read = images.read_image(save(tmp_path / "t.png", np.dstack([RGB, alpha])))
    assert not read[:10].any()
    assert np.abs(read[10:20] - RGB[10:20] * (128 / 255)).max() <= 1
    np.testing.assert_array_equal(read[20:], RGB[20:])


def test_transparent_palette_entry_is_black(tmp_path):
    picture = Image.fromarray(np.array([[0, 1]], np.uint8))
    picture.putpalette([255, 0, 0, 0, 255, 0])
    picture.save(tmp_path / "p.png", transparency=0)
    np.testing.assert_array_equal(images.read_image(tmp_path / "p.png"), [[[0, 0, 0], [0, 255, 0]]])


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "no such file"),
        (b"", "empty"),
        (b"label,H\n1,2\n", "not a picture"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n", "not a picture"),
        (png(100_000, 100_000, 8, 2, b""), "megapixels"),
        (png(13_000, 13_000, 8, 2, b""), "megapixels"),  # Pillow itself would only warn
        (png(10_000, 10_000, 8, 2, b""), "damaged"),  # a size within the limit, but no pixels
        (png(2, 2, 8, 2, b"\0" * 5), "damaged"),
    ],
)
def test_bad_files_give_one_line(tmp_path, content, says):
    path = tmp_path / "bad.png"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=says) as error:
        images.read_image(path)
    assert one_line(error)
    assert str(path) in str(error.value)


def test_folder_frames_and_float_pixels(tmp_path):
    with pytest.raises(InputError, match="not a file"):
        images.read_image(tmp_path)
    frames = [Image.fromarray(RGB), Image.fromarray(255 - RGB)]
    for name in ("f.tif", "f.gif"):
        frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:])
        with pytest.raises(InputError, match="2 frames"):
            images.read_image(tmp_path / name)
    with pytest.raises(InputError, match="32-bit"):
        images.read_image(save(tmp_path / "f.tif", RGB[..., 0].astype(np.float32)))


def test_nothing_is_printed_or_warned(tmp_path, capfd, recwarn):
    (tmp_path / "large.png").write_bytes(png(10_000, 10_000, 8, 2, b""))  # beyond Pillow's warning, within our limit
    with pytest.raises(InputError):
        images.read_image(tmp_path / "large.png")
    assert not recwarn
    assert capfd.readouterr() == ("", "")


@settings(deadline=None, max_examples=60)
@given(kind=st.sampled_from(["PNG", "TIFF", "JPEG", "BMP", "GIF", "WEBP", "PPM"]), data=st.data())
def test_a_truncated_file_is_refused_or_read_in_full(tmp_path_factory, kind, data):
    buffer = io.BytesIO()
    Image.fromarray(RGB).save(buffer, format=kind)
    whole = buffer.getvalue()
    path = tmp_path_factory.mktemp("cut") / "a"
    path.write_bytes(whole)
    expected = images.read_image(path)
    path.write_bytes(whole[: data.draw(st.integers(0, len(whole) - 1))])
    read = read_or_refused(path)
    assert read is None or np.array_equal(read, expected)


@settings(deadline=None, max_examples=60)
@given(
    noise=st.binary(max_size=200), kind=st.sampled_from([b"", b"\x89PNG\r\n\x1a\n", b"II*\0", b"\xff\xd8\xff", b"P6 "])
)
def test_noise_is_refused_or_read(tmp_path_factory, noise, kind):
    path = tmp_path_factory.mktemp("noise") / "a"
    path.write_bytes(kind + noise)
    read = read_or_refused(path)
    assert read is None or read.dtype == np.uint8


@settings(deadline=None)
@given(hnp.arrays(np.uint8, hnp.array_shapes(min_dims=3, max_dims=3, max_side=20).map(lambda s: (*s[:2], 3))))
def test_any_picture_survives_a_round_trip(tmp_path_factory, array):
    path = save(tmp_path_factory.mktemp("round") / "a.png", array)
    np.testing.assert_array_equal(images.read_image(path), array)


@settings(deadline=None)
@given(
    image=hnp.arrays(np.uint8, st.tuples(st.integers(1, 30), st.integers(1, 30), st.just(3))),
    scale=st.floats(0.1, 5),
)
def test_resize_stays_between_the_extremes(image, scale):
    resized = images.resize(image, scale)
    assert resized.shape == (max(1, round(image.shape[0] * scale)), max(1, round(image.shape[1] * scale)), 3)
    for channel in range(3):
        assert image[..., channel].min() <= resized[..., channel].min()
        assert image[..., channel].max() >= resized[..., channel].max()


def test_the_authors_kernel_overshoots():
    edge = np.repeat(np.array([64, 192], np.uint8), 4)[None, :, None] * np.ones((8, 1, 3), np.uint8)
    assert images.resize(edge, 2, kernel="lanczos").max() > 192
    with pytest.raises(InputError, match="linear, lanczos"):
        images.resize(edge, 2, kernel="cubic")


@pytest.mark.parametrize("scale", [0, -1, float("nan"), float("inf"), 1e4])
def test_resize_refuses_nonsense(scale):
    with pytest.raises(InputError, match="scale"):
        images.resize(RGB, scale)


@settings(deadline=None)
@given(height=st.integers(5, 20), width=st.integers(5, 20), size=st.integers(1, 5), stride=st.integers(1, 7))
def test_windows_are_a_view_of_every_position(height, width, size, stride):
    image = np.arange(height * width * 3).reshape(height, width, 3)
    view = images.windows(image, size, stride)
    assert view.shape == ((height - size) // stride + 1, (width - size) // stride + 1, size, size, 3)
    assert np.shares_memory(view, image)
    for i, j in np.ndindex(*view.shape[:2]):
        top, left = i * stride, j * stride
        np.testing.assert_array_equal(view[i, j], image[top : top + size, left : left + size])


def test_windows_refuse_what_does_not_fit():
    with pytest.raises(InputError, match=r"40 x 30 px.*6.67 times"):
        images.windows(RGB)
    with pytest.raises(InputError, match="stride"):
        images.windows(RGB, 10, 0)
    with pytest.raises(InputError, match="shape"):
        images.windows(RGB[..., 0], 10)
