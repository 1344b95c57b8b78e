"""A content id in the pixels, which outlives what strips metadata: a re-save, another format, half the size.

Spread-transform dither modulation (B. Chen and G. W. Wornell, "Quantization index modulation", IEEE Trans.
Information Theory 47(4), 2001) on DCT coefficients: each bit is the place of one projection of the picture
between the points of a lattice. The projections are taken from a small grey copy whose size depends on the
picture's shape alone, so that a picture scaled as a whole gives the same ones (compare the DWT-DCT schemes,
which mark the picture's low band for the same reason). The change is spread over some thousand coefficients
of low and middle frequency, and never touches the product: there the least change of the other pixels is
found that moves the projections (conjugate gradients). Pure; not secret, and not proof against someone who
wants it gone: cropping or turning the picture loses it.
"""

from __future__ import annotations

import zlib
from functools import lru_cache
from itertools import combinations

import numpy as np
from PIL import Image, ImageChops, ImageFilter

ID_DIGITS = 12  # hexadecimal: 48 bits
CHECK_BITS = 16
BITS = 4 * ID_DIGITS + CHECK_BITS
AREAS = (64000, 24000, 8000, 3000)  # cells of the small copy: the larger where the picture has room for it
ROOMY = (
    0.15  # cells a pixel at the most: half the size (0.25) holds them all, and 0.167 was lost in WebP at 80
)
DOUBTFUL_BITS = 4
# Of the small copy's highest frequency: below is seen, above is lost with half the size.
LOW, HIGH = 0.15, 0.5
STEP = 60.0  # of the lattice: a quarter of it, 15, is what a projection may be moved before its bit turns
LARGEST = 12.0  # grey levels of one pixel's change
PLAIN, BUSY = 0.25, 12.0  # share of the change on a plain wall; grey levels at which all of it hides
SOLVER_STEPS = 8
_SEED = 20250901

Code = tuple[np.ndarray, np.ndarray]  # per bit: the coefficients' places, and their signs by sqrt(count)


def watermark_embed(picture: Image.Image, content_id: str, protected: Image.Image) -> Image.Image:
    """The RGB picture with the id (12 hexadecimal digits) in it.

    Pixels where ``protected`` (L, of the same size) is above 0 stay exactly as they are.
    """
    grid = _grid_of(picture.size, _area_of(picture.size))
    code = _code_of(grid)
    free = protected.point([255] + [0] * 255)
    small = _small(picture, grid)
    masking = _masking(small)
    room = np.asarray(free.resize(grid, Image.Resampling.BOX), np.float64) / 255 * masking
    place = _projections(small, code) / STEP - 0.25 * _bits_of(content_id)
    change = masking * _least_change(STEP * (np.round(place) - place), room, grid, code)
    field = Image.fromarray(change.astype(np.float32)).resize(picture.size, Image.Resampling.BICUBIC)
    wanted = np.clip(np.asarray(field), -LARGEST, LARGEST)
    # Fractions of a grey level count on average: an ordered dither keeps what rounding would lose.
    tile = np.tile(_bayer(), (picture.height // 8 + 1, picture.width // 8 + 1))
    whole = np.floor(wanted + tile[: picture.height, : picture.width]).astype(np.int16)
    whole[np.asarray(free) == 0] = 0
    pixels = np.asarray(picture, np.int16) + whole[..., None]
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def watermark_read(picture: Image.Image) -> str | None:
    """The id in a picture of any size, None when there is none that its check bits agree with.

    The least certain bits are tried both ways. One picture in 1,000 without a watermark seems to hold one
    by chance, so an id counts only where it is known: of 2^48 hardly any is.
    """
    for area in AREAS:
        grid = _grid_of(picture.size, area)
        if grid[0] > picture.width or grid[1] > picture.height:
            continue
        places = _projections(_small(picture, grid), _code_of(grid)) / STEP
        number = sum(1 << bit for bit, place in enumerate(places) if place % 1 < 0.5)
        certainty = np.abs((places + 0.25) % 0.5 - 0.25)
        doubtful = [1 << int(bit) for bit in np.argsort(certainty)[:DOUBTFUL_BITS]]
        for count in range(DOUBTFUL_BITS + 1):
            for flips in combinations(doubtful, count):
                tried = number ^ sum(flips)
                found = tried >> CHECK_BITS
                if tried & (1 << CHECK_BITS) - 1 == _check_of(found):
                    return f"{found:0{ID_DIGITS}x}"
    return None


def _check_of(number: int) -> int:
    return zlib.crc32(number.to_bytes(ID_DIGITS // 2)) & (1 << CHECK_BITS) - 1


def _bits_of(content_id: str) -> np.ndarray:
    """+1 and -1, the check bits first."""
    found = int(content_id, 16)
    number = found << CHECK_BITS | _check_of(found)
    return np.array([1.0 if number >> bit & 1 else -1.0 for bit in range(BITS)])


def _area_of(size: tuple[int, int]) -> int:
    return next((area for area in AREAS if area <= ROOMY * size[0] * size[1]), AREAS[-1])


def _grid_of(size: tuple[int, int], area: int) -> tuple[int, int]:
    """(width, height) of the small copy: of the picture's shape, whatever its size."""
    height = max(8, round((area * size[1] / size[0]) ** 0.5))
    return max(8, round(area / height)), height


def _small(picture: Image.Image, grid: tuple[int, int]) -> np.ndarray:
    return np.asarray(picture.convert("RGB").convert("L").resize(grid, Image.Resampling.LANCZOS), np.float64)


@lru_cache(maxsize=32)
def _code_of(grid: tuple[int, int]) -> Code:
    """Which coefficients of the middle band carry which bit, and with which sign."""
    width, height = grid
    frequency = np.hypot(np.arange(height)[:, None] / height, np.arange(width)[None] / width)
    band = np.flatnonzero((frequency >= LOW) & (frequency <= HIGH))
    rng = np.random.default_rng(_SEED)
    band = rng.permutation(band)
    count = len(band) // BITS
    places = band[: count * BITS].reshape(BITS, count)
    return places, rng.choice((-1.0, 1.0), places.shape) / count**0.5


def _projections(small: np.ndarray, code: Code) -> np.ndarray:
    from scipy.fft import dctn  # not at the top: web processes import this module, and scipy weighs 40 MB

    places, signs = code
    projections: np.ndarray = (dctn(small, norm="ortho").ravel()[places] * signs).sum(1)
    return projections


def _field(weights: np.ndarray, grid: tuple[int, int], code: Code) -> np.ndarray:
    """The transpose of ``_projections``: a pattern of the small copy's size."""
    from scipy.fft import idctn

    places, signs = code
    coefficients = np.zeros(grid[0] * grid[1])
    coefficients[places] = signs * weights[:, None]
    field: np.ndarray = idctn(coefficients.reshape(grid[1], grid[0]), norm="ortho")
    return field


def _least_change(wanted: np.ndarray, room: np.ndarray, grid: tuple[int, int], code: Code) -> np.ndarray:
    """The pattern that, where there is room for it, moves the projections by ``wanted``."""
    weights, rest = np.zeros(BITS), wanted.copy()
    direction, size = rest.copy(), float(rest @ rest)
    for _ in range(SOLVER_STEPS):
        if size < 1.0:
            break
        moved = _projections(room * _field(direction, grid, code), code)
        step = size / max(float(direction @ moved), 1e-9)
        weights += step * direction
        rest -= step * moved
        before, size = size, float(rest @ rest)
        direction = rest + size / before * direction
    return _field(weights, grid, code)


def _masking(small: np.ndarray) -> np.ndarray:
    """How much of a change hides at each cell: little on a plain wall, more where the picture is busy.

    Contrast masking, as in A. B. Watson, "DCT quantization matrices visually optimized" (1993), by the mean
    difference to the surroundings.
    """
    grey = Image.fromarray(np.clip(small, 0, 255).astype(np.uint8))
    busy = ImageChops.difference(grey, grey.filter(ImageFilter.BoxBlur(2)))
    nearby = np.asarray(busy.filter(ImageFilter.BoxBlur(1)), np.float64)
    return np.clip(PLAIN + nearby / BUSY, PLAIN, 1.0)


@lru_cache(maxsize=1)
def _bayer() -> np.ndarray:
    """The 8 x 8 threshold matrix of B. E. Bayer (1973), between 0 and 1."""
    matrix = np.zeros((1, 1))
    for _ in range(3):
        matrix = np.block([[4 * matrix, 4 * matrix + 2], [4 * matrix + 3, 4 * matrix + 1]])
    return (matrix + 0.5) / 64
