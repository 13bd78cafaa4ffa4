"""ristretto255 in plain integers, from RFC 9496 alone: a second opinion, slow and not constant-time."""

import hashlib

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
ROOT = pow(2, (P - 1) // 4, P)
ZERO = (0, 1, 1, 0)


def _root_of_ratio(u, v):
    """Whether u/v is a square, and a root of it or of ROOT times it (section 4.2)."""
    r = u * pow(v, 3, P) * pow(u * pow(v, 7, P), (P - 5) // 8, P) % P
    check = v * r * r % P
    if check in (-u % P, -u * ROOT % P):
        r = r * ROOT % P
    return check in (u % P, -u % P), _even(r)


def _even(x):
    x %= P
    return x if x % 2 == 0 else P - x


def decode(data):
    s = int.from_bytes(data, "little")
    if len(data) != 32 or s >= P or s % 2:
        raise ValueError("not canonical")
    u1, u2 = (1 - s * s) % P, (1 + s * s) % P
    v = (-D * u1 * u1 - u2 * u2) % P
    square, root = _root_of_ratio(1, v * u2 * u2 % P)
    dx = root * u2 % P
    x, y = _even(2 * s * dx), u1 * root * dx * v % P
    t = x * y % P
    if not square or t % 2 or y == 0:
        raise ValueError("no element")
    return x, y, 1, t


def add(left, right):
    """Of extended coordinates, complete (section 4.4; Hisil et al. 2008)."""
    (x1, y1, z1, t1), (x2, y2, z2, t2) = left, right
    a, b = (y1 - x1) * (y2 - x2) % P, (y1 + x1) * (y2 + x2) % P
    c, d = 2 * t1 * t2 * D % P, 2 * z1 * z2 % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def multiply(number, point):
    out = ZERO
    for bit in bin(number % ORDER)[2:]:
        out = add(out, out)
        if bit == "1":
            out = add(out, point)
    return out


def same(left, right):
    """Equality of elements (section 4.3.3)."""
    (x1, y1, *_), (x2, y2, *_) = left, right
    return (x1 * y2 - y1 * x2) % P == 0 or (y1 * y2 - x1 * x2) % P == 0


def encode(point):
    """Section 4.3.2."""
    x, y, z, t = point
    u1, u2 = (z + y) * (z - y) % P, x * y % P
    _, root = _root_of_ratio(1, u1 * u2 * u2 % P)
    d1, d2 = u1 * root % P, u2 * root % P
    inverse = d1 * d2 * t % P
    if t * inverse % P % 2:
        _, twist = _root_of_ratio(1, (-1 - D) % P)
        x, y, d2 = y * ROOT % P, x * ROOT % P, d1 * twist % P
    if x * inverse % P % 2:
        y = -y % P
    return _even(d2 * (z - y)).to_bytes(32, "little")


def scalar(data):
    return int.from_bytes(data, "little")


def expand(message, dst, length=64):
    """expand_message_xmd for up to one block (RFC 9380, section 5.3.1)."""
    suffix = dst + bytes([len(dst)])
    first = hashlib.sha512(bytes(128) + message + length.to_bytes(2) + b"\0" + suffix).digest()
    return hashlib.sha512(first + b"\1" + suffix).digest()[:length]
