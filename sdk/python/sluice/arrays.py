"""numpy arrays as `.npy` v1 with the data aligned to 64 bytes. numpy is imported only here, and only when used."""

import io

from . import wire

_MAGIC = b"\x93NUMPY"
_NUMERIC = "biufc"


def _numpy():
    try:
        import numpy
    except ImportError as error:
        raise ValueError(f"it is an array, and numpy is not installed ({error})") from None
    return numpy


def from_view(view, kind, head):
    """A read-only array over the bytes in place. ValueError says what is wrong with them."""
    numpy = _numpy()
    if bytes(view[:6]) != _MAGIC:
        if kind == wire.KIND_BYTES and head != "array":
            return numpy.frombuffer(view, numpy.uint8) if len(view) else numpy.empty(0, numpy.uint8)
        raise ValueError("is no .npy array")
    major = view[6] if len(view) > 7 else 0
    header_size = 10 if major == 1 else 12
    if major not in (1, 2, 3) or len(view) < header_size:
        raise ValueError(f"is .npy of an unknown version ({major})")
    length = int.from_bytes(view[8:header_size], "little")
    if len(view) < header_size + length:
        raise ValueError("is a .npy array that ends within its header")
    fields = io.BytesIO(bytes(view[8 : header_size + length]))
    read = numpy.lib.format.read_array_header_1_0 if major == 1 else numpy.lib.format.read_array_header_2_0
    shape, fortran_order, dtype = read(fields)
    if dtype.hasobject:
        raise ValueError("is an array of Python objects; only numbers are read")
    count = 1
    for each in shape:
        count *= each
    start = header_size + length
    if count * dtype.itemsize > len(view) - start:
        raise ValueError(f"is a .npy array of shape {shape} with only {len(view) - start} bytes of data")
    if count == 0 or dtype.itemsize == 0:
        array = numpy.empty(shape, dtype)
        array.flags.writeable = False
        return array
    return numpy.frombuffer(view, dtype, count, start).reshape(shape, order="F" if fortran_order else "C")


def to_parts(array):
    """(header, data): what to write for an array or numpy scalar. ValueError where it is not numeric."""
    numpy = _numpy()
    array = numpy.asarray(array)
    if array.dtype.kind not in _NUMERIC:
        raise ValueError(f"an array of dtype {array.dtype} is not numeric: use `json`, or .astype(...)")
    fortran_order = array.flags.f_contiguous and not array.flags.c_contiguous
    flat = array.T if fortran_order else numpy.ascontiguousarray(array)
    shape = "(" + "".join(f"{each}, " for each in array.shape) + ")"
    text = f"{{'descr': '{array.dtype.str}', 'fortran_order': {bool(fortran_order)}, 'shape': {shape}, }}"
    padding = -(len(text) + 11) % 64
    header = _MAGIC + b"\x01\x00" + (len(text) + padding + 1).to_bytes(2, "little") + text.encode() + b" " * padding + b"\n"
    data = memoryview(flat.reshape(-1).view(numpy.uint8)) if array.size else memoryview(b"")
    return header, data
