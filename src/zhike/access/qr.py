"""A QR code as SVG, for the one thing that is typed from a screen into a phone: the key of a second factor.

Byte mode, error correction level M, versions 1 to 15 (412 bytes), as ISO/IEC 18004:2015 says. A test compares
the modules with those of another encoder.
"""

from __future__ import annotations

from collections.abc import Callable

MAX_VERSION = 15
_ECC = (10, 16, 26, 18, 24, 16, 18, 22, 22, 26, 30, 22, 22, 24, 24)
"""Error correction bytes of each block, by version (table 9, level M)."""
_BLOCKS = (1, 1, 1, 2, 2, 4, 4, 4, 5, 5, 5, 8, 9, 9, 10)
_MASKS: tuple[Callable[[int, int], bool], ...] = (
    lambda x, y: (x + y) % 2 == 0, lambda x, y: y % 2 == 0, lambda x, y: x % 3 == 0,
    lambda x, y: (x + y) % 3 == 0, lambda x, y: (x // 3 + y // 2) % 2 == 0,
    lambda x, y: x * y % 2 + x * y % 3 == 0, lambda x, y: (x * y % 2 + x * y % 3) % 2 == 0,
    lambda x, y: ((x + y) % 2 + x * y % 3) % 2 == 0)
_QUIET = 4
"""Light modules around it, without which phones do not see it."""
Grid = list[list[bool]]
Put = Callable[[int, int, bool], None]

_EXP = [1] * 255
for _n in range(1, 255):
    _EXP[_n] = _EXP[_n - 1] << 1 ^ (0x11D if _EXP[_n - 1] & 0x80 else 0)
_LOG = {value: power for power, value in enumerate(_EXP)}


def svg(text: str) -> str:
    """The code as an SVG image.

    Raises:
        ValueError: ``text`` is too long.
    """
    grid = modules(text.encode())
    size = len(grid) + 2 * _QUIET
    path = "".join(f"M{x + _QUIET} {y + _QUIET}h1v1h-1z" for y, row in enumerate(grid)
                   for x, dark in enumerate(row) if dark)
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size} {size}" '
            'shape-rendering="crispEdges">'
            f'<path fill="#fff" d="M0 0h{size}v{size}H0z"/><path d="{path}"/></svg>')


def modules(data: bytes, mask: int | None = None) -> Grid:
    """Rows of dark (True) and light modules; with the mask that reads best, or this one.

    Raises:
        ValueError: ``data`` is too long.
    """
    version = next((v for v in range(1, MAX_VERSION + 1) if len(data) <= _room(v)), 0)
    if not version:
        raise ValueError(f"{len(data)} bytes are too many for a QR code")
    bits = _bits(_interleaved(_codewords(data, version), version))
    tried = [_drawn(version, bits, each) for each in (range(8) if mask is None else (mask,))]
    return min(tried, key=_penalty)


def _raw_bytes(version: int) -> int:
    """All bytes that the free modules of a version hold."""
    free = (16 * version + 128) * version + 64
    if version >= 2:
        marks = version // 7 + 2
        free -= (25 * marks - 10) * marks - 55 + (36 if version >= 7 else 0)
    return free // 8


def _room(version: int) -> int:
    """Bytes of text that fit: without error correction, mode and length."""
    data = _raw_bytes(version) - _ECC[version - 1] * _BLOCKS[version - 1]
    return data - (2 if version < 10 else 3)


def _codewords(data: bytes, version: int) -> bytes:
    """Mode, length, text, end and filling (section 7.4)."""
    capacity = _raw_bytes(version) - _ECC[version - 1] * _BLOCKS[version - 1]
    length_bits = 8 if version < 10 else 16
    number = (0b0100 << length_bits | len(data)) << 8 * len(data) | int.from_bytes(data)
    used = 4 + length_bits + 8 * len(data)
    padded = -(-(used + min(4, 8 * capacity - used)) // 8)
    filled = (number << (8 * padded - used)).to_bytes(padded)
    return filled + bytes((0xEC, 0x11)[n % 2] for n in range(capacity - padded))


def _times(x: int, y: int) -> int:
    return _EXP[(_LOG[x] + _LOG[y]) % 255] if x and y else 0


def _correction(block: bytes, degree: int) -> bytes:
    """The Reed-Solomon remainder (section 7.5)."""
    divisor = [1]
    for power in range(degree):
        longer = [*divisor, 0]
        for place, value in enumerate(divisor):
            longer[place + 1] ^= _times(value, _EXP[power])
        divisor = longer
    rest = list(block) + [0] * degree
    for place in range(len(block)):
        factor = rest[place]
        if factor:
            for offset, value in enumerate(divisor):
                rest[place + offset] ^= _times(value, factor)
    return bytes(rest[len(block):])


def _interleaved(data: bytes, version: int) -> bytes:
    """Blocks with their correction, byte by byte in turn (section 7.6)."""
    count, degree = _BLOCKS[version - 1], _ECC[version - 1]
    short = len(data) // count
    blocks, start = [], 0
    for number in range(count):
        size = short + (number >= count - len(data) % count)
        blocks.append(data[start:start + size])
        start += size
    correction = [_correction(block, degree) for block in blocks]
    out = bytes(block[n] for n in range(short + 1) for block in blocks if n < len(block))
    return out + bytes(part[n] for n in range(degree) for part in correction)


def _bits(data: bytes) -> list[bool]:
    return [bool(byte >> bit & 1) for byte in data for bit in range(7, -1, -1)]


def _drawn(version: int, bits: list[bool], mask: int) -> Grid:
    size = 17 + 4 * version
    grid = [[False] * size for _ in range(size)]
    fixed = [[False] * size for _ in range(size)]

    def put(x: int, y: int, dark: bool) -> None:
        if 0 <= x < size and 0 <= y < size:
            grid[y][x], fixed[y][x] = dark, True

    for n in range(size):  # timing
        put(6, n, n % 2 == 0)
        put(n, 6, n % 2 == 0)
    for cx, cy in ((3, 3), (size - 4, 3), (3, size - 4)):  # finders with their margin
        for dy in range(-4, 5):
            for dx in range(-4, 5):
                put(cx + dx, cy + dy, max(abs(dx), abs(dy)) not in (2, 4))
    places = _marks(version)
    last = len(places) - 1
    for i, cy in enumerate(places):
        for j, cx in enumerate(places):
            if (i, j) not in ((0, 0), (0, last), (last, 0)):
                for dy in range(-2, 3):
                    for dx in range(-2, 3):
                        put(cx + dx, cy + dy, max(abs(dx), abs(dy)) != 1)
    _put_format(put, size, mask)
    if version >= 7:
        _put_version(put, size, version)
    _put_bits(grid, fixed, bits)
    flips = _MASKS[mask]
    for y in range(size):
        for x in range(size):
            if not fixed[y][x] and flips(x, y):
                grid[y][x] = not grid[y][x]
    return grid


def _marks(version: int) -> list[int]:
    """Where alignment marks stand, in both directions (annex E)."""
    if version == 1:
        return []
    count = version // 7 + 2
    step = (version * 4 + count * 2 + 1) // (count * 2 - 2) * 2
    return [6, *(10 + 4 * version - step * n for n in range(count - 2, -1, -1))]


def _put_format(put: Put, size: int, mask: int) -> None:
    """Level (M is 0) and mask, twice, with 10 bits of correction (annex C)."""
    rest = mask
    for _ in range(10):
        rest = rest << 1 ^ (rest >> 9) * 0x537
    word = (mask << 10 | rest) ^ 0x5412
    for n in range(15):
        dark = bool(word >> n & 1)
        if n < 6:
            put(8, n, dark)
        elif n < 8:
            put(8, n + 1, dark)
        elif n == 8:
            put(7, 8, dark)
        else:
            put(14 - n, 8, dark)
        if n < 8:
            put(size - 1 - n, 8, dark)
        else:
            put(8, size - 15 + n, dark)
    put(8, size - 8, True)


def _put_version(put: Put, size: int, version: int) -> None:
    """The version, twice, with 12 bits of correction (annex D)."""
    rest = version
    for _ in range(12):
        rest = rest << 1 ^ (rest >> 11) * 0x1F25
    word = version << 12 | rest
    for n in range(18):
        dark = bool(word >> n & 1)
        put(size - 11 + n % 3, n // 3, dark)
        put(n // 3, size - 11 + n % 3, dark)


def _put_bits(grid: Grid, fixed: Grid, bits: list[bool]) -> None:
    """Up and down in pairs of columns, from the right (section 7.7.3)."""
    size = len(grid)
    following = iter(bits)
    upward = True
    for right in [x for x in range(size - 1, 0, -2) if x > 6] + [5, 3, 1]:
        for step in range(size):
            y = size - 1 - step if upward else step
            for x in (right, right - 1):
                if not fixed[y][x]:
                    grid[y][x] = next(following, False)
        upward = not upward


def _penalty(grid: Grid) -> int:
    """How hard it is to read (section 7.8.3)."""
    size = len(grid)
    total = 0
    for lines in (grid, [list(column) for column in zip(*grid, strict=True)]):
        for line in lines:
            text = "".join("1" if dark else "0" for dark in line)
            run = 1
            for before, here in zip(text, text[1:] + "x", strict=True):
                if before == here:
                    run += 1
                else:
                    total += run - 2 if run >= 5 else 0
                    run = 1
            for pattern in ("10111010000", "00001011101"):
                total += 40 * sum(text.startswith(pattern, n) for n in range(size - 10))
    total += 3 * sum(grid[y][x] == grid[y][x + 1] == grid[y + 1][x] == grid[y + 1][x + 1]
                     for y in range(size - 1) for x in range(size - 1))
    dark = sum(map(sum, grid))
    return total + 10 * (abs(20 * dark - 10 * size * size) // (size * size))
