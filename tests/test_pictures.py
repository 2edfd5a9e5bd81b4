"""Pictures as people have them: read right, or refused in one line."""

import contextlib
import os
import struct
import tracemalloc
import zlib

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from enamel_lib import pic
from enamel_lib.errors import InputError
from enamel_lib.pictures import check_pixel_size, read_image, read_picture

RGB = np.random.default_rng(0).integers(0, 256, (30, 40, 3), dtype=np.uint8)
SECTION = pic.encode(pic.to_director(*np.meshgrid(np.linspace(-90, 89, 40), np.linspace(0, 60, 30))))


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
        return read_image(path)


def one_line(error):
    return "\n" not in str(error.value) and len(str(error.value)) > 20


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.bmp", "a.ppm", "picture-with-no-suffix"])
def test_lossless_colour_is_read_as_it_is(tmp_path, name):
    path = save(tmp_path / name, RGB, format=None if "." in name else "PNG")
    read = read_image(path)
    assert read.dtype == np.uint8
    np.testing.assert_array_equal(read, RGB)


def test_jpeg_and_webp_are_read(tmp_path):
    smooth = np.broadcast_to(np.linspace(0, 255, 40).astype(np.uint8)[:, None], (30, 40, 3))
    smooth = np.ascontiguousarray(smooth)
    for name in ("a.jpg", "a.webp"):
        assert np.abs(read_image(save(tmp_path / name, smooth)).astype(int) - smooth).max() < 60


def test_grey_one_bit_and_palette(tmp_path):
    grey = RGB[..., 0]
    np.testing.assert_array_equal(read_image(save(tmp_path / "g.png", grey)), np.dstack([grey] * 3))
    bit = read_image(save(tmp_path / "b.png", grey, "1"))
    assert set(np.unique(bit)) == {0, 255}
    picture = Image.fromarray(RGB).quantize(16)
    picture.save(tmp_path / "p.png")
    np.testing.assert_array_equal(read_image(tmp_path / "p.png"), np.asarray(picture.convert("RGB")))


def test_sixteen_bit_keeps_the_high_byte(tmp_path):
    grey = np.arange(6, dtype=np.uint16).reshape(2, 3) * 13107
    for name in ("g.png", "g.tif"):
        read = read_image(save(tmp_path / name, grey))
        np.testing.assert_array_equal(read, np.dstack([grey >> 8] * 3))
    colour = RGB[:2, :2].astype(">u2") * 257
    rows = b"".join(b"\0" + row.tobytes() for row in colour)
    (tmp_path / "c.png").write_bytes(png(2, 2, 16, 2, rows))
    np.testing.assert_array_equal(read_image(tmp_path / "c.png"), RGB[:2, :2])


def test_interlaced(tmp_path):
    """Adam7 of a 2 x 2 picture: pass 1 has the first pixel, pass 6 the second, pass 7 the second row."""
    rows = b"\0" + RGB[0, 0].tobytes() + b"\0" + RGB[0, 1].tobytes() + b"\0" + RGB[1, :2].tobytes()
    (tmp_path / "i.png").write_bytes(png(2, 2, 8, 2, rows, interlaced=1))
    np.testing.assert_array_equal(read_image(tmp_path / "i.png"), RGB[:2, :2])


def test_what_is_not_opaque_turns_black(tmp_path):
    alpha = np.full((30, 40), 255, np.uint8)
    np.testing.assert_array_equal(read_image(save(tmp_path / "o.png", np.dstack([RGB, alpha]))), RGB)
    alpha[:10], alpha[10:20] = 0, 128
    read = read_image(save(tmp_path / "t.png", np.dstack([RGB, alpha])))
    assert not read[:20].any()
    np.testing.assert_array_equal(read[20:], RGB[20:])


def test_transparent_palette_entry_is_black(tmp_path):
    picture = Image.fromarray(np.array([[0, 1]], np.uint8))
    picture.putpalette([255, 0, 0, 0, 255, 0])
    picture.save(tmp_path / "p.png", transparency=0)
    np.testing.assert_array_equal(read_image(tmp_path / "p.png"), [[[0, 0, 0], [0, 255, 0]]])


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
        read_image(path)
    assert one_line(error)
    assert str(path) in str(error.value)


@pytest.mark.parametrize("value", [0, 255])
def test_a_scale_bar_is_named_and_a_margin_is_not(tmp_path, value):
    section = np.tile(SECTION, (4, 4, 1))
    assert not any("scale bar" in note for note in read_picture(save(tmp_path / "a.png", section)).notes)
    for place in (np.s_[-12:], np.s_[-12:, 30:], np.s_[:12, :90], np.s_[60:66, 40:90], np.s_[-12:-4, 40:50]):
        margin = section.copy()
        margin[place] = value
        assert not any("scale bar" in note for note in read_picture(save(tmp_path / "a.png", margin)).notes)
    section[-12:-6, 40:90] = value
    notes = read_picture(save(tmp_path / "a.png", section)).notes
    assert any("scale bar seems to be burnt in at row 108, column 40 (50 x 6 px)" in note for note in notes)


def test_folder_frames_and_float_pixels(tmp_path):
    with pytest.raises(InputError, match="not a file"):
        read_image(tmp_path)
    frames = [Image.fromarray(RGB), Image.fromarray(255 - RGB)]
    for name in ("f.tif", "f.gif"):
        frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:])
        with pytest.raises(InputError, match="2 frames"):
            read_image(tmp_path / name)
    with pytest.raises(InputError, match="int32 pixels"):
        read_image(save(tmp_path / "f.tif", RGB[..., 0].astype(np.int32)))


def test_nothing_is_printed_or_warned(tmp_path, capfd, recwarn):
    (tmp_path / "large.png").write_bytes(png(10_000, 10_000, 8, 2, b""))  # beyond Pillow's warning, within our limit
    with pytest.raises(InputError):
        read_image(tmp_path / "large.png")
    assert not recwarn
    assert capfd.readouterr() == ("", "")


@settings(deadline=None, max_examples=60)
@given(kind=st.sampled_from(["PNG", "TIFF", "JPEG", "BMP", "GIF", "WEBP", "PPM"]), data=st.data())
def test_a_truncated_file_is_refused_or_read_in_full(tmp_path_factory, kind, data):
    path = tmp_path_factory.mktemp("cut") / "a"
    Image.fromarray(RGB).save(path, format=kind)
    whole = path.read_bytes()
    expected = read_image(path)
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
    np.testing.assert_array_equal(read_image(path), array)


def tiff(path, array, **options):
    tifffile.imwrite(path, array, **({"photometric": "rgb"} | options))
    return path


def said(picture):
    return "; ".join(picture.notes)


@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize(
    ("array", "options"),
    [
        (SECTION, {}),
        (SECTION.astype(np.uint16) * 257, {}),
        (SECTION.astype(np.float32) / 255, {}),
        (SECTION.astype(np.float16) / 255, {}),
        (SECTION, {"bigtiff": True, "byteorder": ">"}),
        (np.moveaxis(SECTION, -1, 0), {"planarconfig": "separate"}),
        (SECTION, {"tile": (16, 16)}),
    ],
)
def test_tiffs_of_every_depth_read_alike(tmp_path, array, options, compression):
    read = read_picture(tiff(tmp_path / "a.tif", array, compression=compression, **options))
    assert np.abs(read.rgb.astype(int) - SECTION).max() <= 1
    assert (read.notes, read.pixel_size_um) == ((), None)
    assert read.signal.all()


@pytest.mark.parametrize("options", [{}, {"imagej": True}, {"ome": True, "metadata": {"axes": "CYX"}}])
def test_three_grey_pages_or_channels_are_red_green_and_blue(tmp_path, options):
    path = tiff(tmp_path / "a.tif", np.moveaxis(SECTION, -1, 0), photometric="minisblack", **options)
    read = read_picture(path)
    np.testing.assert_array_equal(read.rgb, SECTION)
    assert "red, green and blue" in said(read)


def test_channels_are_taken_by_their_colour_or_name(tmp_path):
    swapped, luts = np.moveaxis(SECTION, -1, 0)[::-1], np.zeros((3, 3, 256), np.uint8)
    for channel in range(3):
        luts[channel, 2 - channel] = np.arange(256)
    grey = {"photometric": "minisblack"}
    named = {"axes": "CYX", "Channel": {"Name": ["Blue", "Green", "Red"]}}
    coloured = {"axes": "CYX", "Channel": {"Color": [0x0000FFFF, 0x00FF00FF, 0xFF0000FF - 2**32]}}
    tiff(
        tmp_path / "ij.tif",
        swapped,
        imagej=True,
        metadata={"axes": "CYX", "mode": "composite", "LUTs": list(luts)},
        **grey,
    )
    tiff(tmp_path / "name.ome.tif", swapped, ome=True, metadata=named, **grey)
    tiff(tmp_path / "colour.ome.tif", swapped, ome=True, metadata=coloured, **grey)
    for name in ("ij.tif", "name.ome.tif", "colour.ome.tif"):
        np.testing.assert_array_equal(read_picture(tmp_path / name).rgb, SECTION, err_msg=name)


def test_pyramids_are_read_at_full_size(tmp_path):
    small = np.ascontiguousarray(SECTION[::2, ::2])
    with tifffile.TiffWriter(tmp_path / "sub.tif") as file:
        file.write(SECTION, photometric="rgb", subifds=1)
        file.write(small, photometric="rgb", subfiletype=1)
    with tifffile.TiffWriter(tmp_path / "pages.tif") as file:
        file.write(small, photometric="rgb")
        file.write(SECTION, photometric="rgb")
    for name in ("sub.tif", "pages.tif"):
        np.testing.assert_array_equal(read_picture(tmp_path / name).rgb, SECTION)
    with tifffile.TiffWriter(tmp_path / "other.tif") as file:
        file.write(SECTION, photometric="rgb")
        file.write(RGB[:, :12], photometric="rgb")
    with pytest.raises(InputError, match="2 frames"):
        read_picture(tmp_path / "other.tif")


@pytest.mark.parametrize(
    ("shape", "dtype", "photometric", "options", "says"),
    [
        ((30, 40, 5), np.uint8, "minisblack", {"planarconfig": "contig"}, "5 channels"),
        ((4, 30, 40), np.uint8, "minisblack", {}, "4 frames or channels"),
        ((2, 30, 40, 3), np.uint8, "rgb", {}, "2 frames"),
        ((30, 40, 3), np.uint32, "rgb", {}, "no fixed white"),
        ((30, 40, 3), np.int16, "rgb", {}, "no fixed white"),
        ((30, 40, 3), np.float32, "rgb", {}, "scale them to 0 to 1"),
        ((30, 40, 4), np.uint8, "separated", {}, "SEPARATED"),
    ],
)
def test_what_has_no_clear_meaning_is_said(tmp_path, shape, dtype, photometric, options, says):
    content = np.random.default_rng(1).integers(0, 200, shape).astype(dtype) * (3 if dtype == np.float32 else 1)
    with pytest.raises(InputError, match=says) as error:
        read_picture(tiff(tmp_path / "a.tif", content, photometric=photometric, **options))
    assert one_line(error)


@pytest.mark.parametrize("bits", [8, 10, 12, 14])
def test_camera_data_in_16_bits_are_scaled_with_a_word_or_refused(tmp_path, bits):
    camera = (SECTION.astype(np.uint16) * 257) >> (16 - bits)
    read = read_picture(tiff(tmp_path / "a.tif", camera))
    assert np.abs(read.rgb.astype(int) - SECTION).max() <= 1
    assert f"{bits}-bit data" in said(read)
    with pytest.raises(InputError, match="guess"):  # a tile of a dataset has nobody to read a warning
        read_image(tmp_path / "a.tif")
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in camera)
    (tmp_path / "a.png").write_bytes(png(40, 30, 16, 2, rows))
    for read in (read_picture, read_image):
        with pytest.raises(InputError, match="16"):
            read(tmp_path / "a.png")
    with pytest.raises(InputError, match="black"):
        read_picture(tiff(tmp_path / "f.tif", camera.astype(np.float32) / 65535)) if bits <= 12 else read_picture(
            save(tmp_path / "b.png", SECTION // 16)
        )


def test_stated_bits_are_no_guess(tmp_path):
    camera, metadata = SECTION.astype(np.uint16) * 16, {"axes": "YXS", "SignificantBits": 12}
    read = read_picture(tiff(tmp_path / "a.ome.tif", camera, ome=True, metadata=metadata))
    assert np.abs(read.rgb.astype(int) - SECTION).max() <= 1
    assert not read.notes
    dim = read_picture(tiff(tmp_path / "dim.tif", SECTION // 5))
    assert "of full brightness" in said(dim)


@pytest.mark.parametrize("kind", ["L", "RGB", "I;16"])
def test_grey_has_no_orientation(tmp_path, kind):
    grey = SECTION.max(axis=2)
    content = {"L": grey, "RGB": np.dstack([grey] * 3), "I;16": grey.astype(np.uint16) * 257}[kind]
    for name in ("a.png", "a.tif"):
        with pytest.raises(InputError, match="grey"):
            read_picture(save(tmp_path / name, content))
    assert read_image(tmp_path / "a.png").shape == (30, 40, 3)


def test_no_signal_is_black_white_grey_or_transparent(tmp_path):
    shown, alpha = SECTION.copy(), np.full(SECTION.shape[:2], 255, np.uint8)
    shown[:, :4], shown[:, 4:8], shown[:, 8:12] = 0, 255, 120
    alpha[:, 12:16], alpha[:, 16:20] = 0, 200
    for path in (
        save(tmp_path / "a.png", np.dstack([shown, alpha])),
        tiff(tmp_path / "a.tif", np.dstack([shown, alpha]), extrasamples=["unassalpha"]),
    ):
        read = read_picture(path)
        np.testing.assert_array_equal(read.signal, np.arange(40) >= 20 + np.zeros((30, 1)))
        np.testing.assert_array_equal(read.rgb[:, 20:], SECTION[:, 20:])
        assert "50% of it carries no signal" in said(read)
    for path in (
        save(tmp_path / "none.png", np.dstack([SECTION, 0 * alpha])),
        tiff(tmp_path / "none.tif", np.dstack([SECTION, 0 * alpha]), extrasamples=["unassalpha"]),
    ):
        with pytest.raises(InputError, match="transparent everywhere"):
            read_picture(path)
    with pytest.raises(InputError, match="black"):
        read_picture(save(tmp_path / "black.png", 0 * SECTION))
    holes = SECTION.astype(np.float32) / 255
    holes[:5, :5] = np.nan
    assert (~read_picture(tiff(tmp_path / "nan.tif", holes)).signal).sum() == 25


def test_a_mask_says_where_to_read(tmp_path):
    keep = np.zeros((30, 40), np.uint8)
    keep[5:10] = 1
    read = read_picture(save(tmp_path / "a.png", SECTION))
    for content in (keep, keep * 255, np.dstack([keep * 255] * 3)):
        np.testing.assert_array_equal(read.masked(save(tmp_path / "m.png", content)).signal, keep > 0)
    for content, says in ((keep[:7], "40 x 7 px"), (0 * keep, "nothing")):
        with pytest.raises(InputError, match=says):
            read.masked(save(tmp_path / "m.png", content))


@pytest.mark.parametrize(
    "stated",
    [
        {"imagej": True, "resolution": (4, 4), "metadata": {"unit": "um"}},
        {"imagej": True, "resolution": (4, 4), "metadata": {"unit": "\\u00B5m"}},
        {"imagej": True, "resolution": (0.004, 0.004), "metadata": {"unit": "nm"}},
        {"ome": True, "metadata": {"axes": "YXS", "PhysicalSizeX": 0.25, "PhysicalSizeY": 0.25}},
        {"ome": True, "metadata": {"axes": "YXS", **{f"PhysicalSize{a}": 250 for a in "XY"},
                                   **{f"PhysicalSize{a}Unit": "nm" for a in "XY"}}},
        {"resolution": (40_000, 40_000), "resolutionunit": "centimeter"},
        {"resolution": (101_600, 101_600), "resolutionunit": "inch"},
    ],
)  # fmt: skip
def test_a_stated_pixel_size_is_found(tmp_path, stated):
    assert read_picture(tiff(tmp_path / "a.tif", SECTION, **stated)).pixel_size_um == pytest.approx(0.25)


def test_the_pixel_size_of_png_and_what_is_none(tmp_path):
    assert read_picture(save(tmp_path / "a.png", SECTION, dpi=(101_600, 101_600))).pixel_size_um == pytest.approx(0.25)
    screen = read_picture(save(tmp_path / "b.png", SECTION, dpi=(72, 72)))
    assert screen.pixel_size_um is None
    assert "print or a screen" in said(screen)
    with pytest.raises(InputError, match="square"):
        read_picture(save(tmp_path / "c.png", SECTION, dpi=(101_600, 50_800)))
    pixels = {"imagej": True, "resolution": (4, 4), "metadata": {"unit": "pixel"}}
    assert read_picture(tiff(tmp_path / "d.tif", SECTION, **pixels)).pixel_size_um is None


@pytest.mark.parametrize("size", [250, float("inf"), float("nan"), 0, -1, 1e-4])
def test_an_impossible_pixel_size_is_refused(size):
    with pytest.raises(InputError, match="micrometres per pixel"):
        check_pixel_size(size)


@pytest.mark.parametrize("tag", range(2, 9))
def test_orientation_tags_turn_nothing_in_any_format(tmp_path, tag):
    exif = Image.Exif()
    exif[274] = tag
    paths = [save(tmp_path / name, SECTION, exif=exif) for name in ("a.png", "a.webp")]
    paths[1] = save(paths[1], SECTION, exif=exif, lossless=True)
    paths.append(tiff(tmp_path / "a.tif", SECTION, extratags=[(274, "H", 1, tag, False)]))
    for path in paths:
        read = read_picture(path)
        np.testing.assert_array_equal(read.rgb, SECTION)
        assert f"orientation tag {tag}" in said(read)


def test_gamma_of_a_png_is_applied_unless_a_colour_space_is_stated(tmp_path):
    linear = np.rint(255 * (SECTION / 255) ** 2.2).astype(np.uint8)
    rows = zlib.compress(b"".join(b"\0" + row.tobytes() for row in linear))
    for gamma, srgb, expected in (
        (100_000, b"", SECTION),
        (45_455, b"", linear),
        (100_000, chunk(b"sRGB", b"\0"), linear),
    ):
        parts = chunk(b"IHDR", struct.pack(">IIBBBBB", 40, 30, 8, 2, 0, 0, 0)) + srgb
        parts += chunk(b"gAMA", struct.pack(">I", gamma)) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
        (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + parts)
        read = read_picture(tmp_path / "a.png")
        bright = expected > 40  # in eight bits nothing is left of the dark end of linear data
        assert np.abs(read.rgb.astype(int) - expected)[bright].max() <= 6
        assert ("gAMA" in said(read)) == (expected is SECTION)


@pytest.mark.parametrize("compression", ["tiff_lzw", "jpeg"])
def test_codecs_that_tifffile_lacks_are_read_by_pillow_or_named(tmp_path, compression):
    smooth = np.repeat(np.repeat(SECTION[:8, :8], 16, 0), 16, 1)
    save(tmp_path / "a.tif", smooth, compression=compression)
    assert np.abs(read_picture(tmp_path / "a.tif").rgb.astype(int) - smooth).mean() < 12
    save(tmp_path / "deep.tif", smooth[..., 0].astype(np.uint16) * 257, compression="tiff_lzw")
    with contextlib.suppress(ImportError):
        import imagecodecs  # noqa: F401

        return
    with pytest.raises(InputError, match="LZW"):
        read_image(tmp_path / "deep.tif")


def test_the_second_frame_of_a_phone_is_no_second_picture(tmp_path):
    smooth = np.repeat(np.repeat(SECTION[:8, :8], 16, 0), 16, 1)
    first, second = Image.fromarray(smooth), Image.fromarray(smooth[::4, ::4])
    first.save(tmp_path / "a.jpg", format="MPO", save_all=True, append_images=[second])
    assert read_picture(tmp_path / "a.jpg").rgb.shape == smooth.shape


def test_20_000_directories_and_pipes_hold_nobody_up(tmp_path):
    entries = struct.pack("<HHIHHHHIHHHHI", 256, 3, 1, 4, 0, 257, 3, 1, 4, 0, 277, 3, 1) + struct.pack("<HH", 3, 0)
    directory = 2 + len(entries) + 4
    parts = [b"II*\0", struct.pack("<I", 8)]
    parts += [struct.pack("<H", 3) + entries + struct.pack("<I", 8 + (i + 1) * directory) for i in range(20_000)]
    (tmp_path / "many.tif").write_bytes(b"".join(parts)[:-4] + b"\0\0\0\0")
    (tmp_path / "circle.tif").write_bytes(b"".join(parts[:4]) + parts[4][:-4] + struct.pack("<I", 8))
    os.mkfifo(tmp_path / "pipe.png")
    for name, says in (("many.tif", "more than 64"), ("circle.tif", "circle.tif"), ("pipe.png", "not a file")):
        with pytest.raises(InputError, match=says):
            read_picture(tmp_path / name)


@settings(deadline=None, max_examples=60)
@given(
    place=st.integers(0, 10_000),
    change=st.binary(min_size=1, max_size=8),
    options=st.sampled_from([{}, {"imagej": True}, {"ome": True}, {"compression": "zlib"}, {"bigtiff": True}]),
)
def test_a_changed_tiff_is_read_or_refused(tmp_path_factory, place, change, options):
    path = tiff(tmp_path_factory.mktemp("changed") / "a.tif", SECTION, **options)
    whole = bytearray(path.read_bytes())
    place %= len(whole)
    whole[place : place + len(change)] = change
    path.write_bytes(whole)
    with contextlib.suppress(InputError):
        read = read_picture(path)
        assert read.rgb.dtype == np.uint8
        assert read.rgb.shape == (*read.signal.shape, 3)


@settings(deadline=None, max_examples=40)
@given(
    array=hnp.arrays(np.uint8, hnp.array_shapes(min_dims=3, max_dims=3, max_side=20).map(lambda s: (*s[:2], 3))),
    depth=st.sampled_from([np.uint8, np.uint16, np.float32]),
)
def test_any_tiff_survives_a_round_trip(tmp_path_factory, array, depth):
    array[0, 0] = 255  # so that all bits are used
    full = {np.uint8: 1, np.uint16: 257, np.float32: 1 / 255}[depth]
    path = tiff(tmp_path_factory.mktemp("round") / "a.tif", array.astype(depth) * depth(full))
    np.testing.assert_array_equal(read_image(path), array)


def test_reading_takes_little_memory(tmp_path):
    peaks = []
    for side in (400, 800):
        path = save(tmp_path / f"{side}.png", np.tile(SECTION, (side // 30 + 1, side // 40 + 1, 1))[:side, :side])
        tracemalloc.start()
        read_picture(path)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert (peaks[1] - peaks[0]) / (800**2 - 400**2) < 11
