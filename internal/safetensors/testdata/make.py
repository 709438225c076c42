"""Writes the files of this folder with the reference implementation.

    python -m venv venv && venv/bin/pip install safetensors==0.8.0
    venv/bin/python make.py      (in this folder)

The content of each file is stated again in reference_test.go, which reads the files and writes them anew. The data
go to the reference as addresses of raw bytes, so that no array library is needed.
"""
import ctypes
import struct
from safetensors import TensorSpec, serialize

keep = []  # the buffers must outlive the call that reads them


def t(dtype, shape, data):
    keep.append(ctypes.create_string_buffer(data, max(1, len(data))))
    return TensorSpec(dtype=dtype, shape=shape, data_ptr=ctypes.addressof(keep[-1]), data_len=len(data))


def f32(*x):
    return struct.pack("<%df" % len(x), *x)


files = {
    "empty": ({}, None),
    # With a tensor: given neither tensors nor metadata but an empty dictionary, version 0.8.0 writes a file whose header
    # is {},"__metadata__":{}} and which it cannot read.
    "empty_metadata": ({"w": t("uint8", [1], b"\x01")}, {}),
    "dense": (
        {
            "head.bias": t("float32", [2], f32(0.5, -1)),
            "head.weight": t("float32", [2, 3], f32(1, 2, 3, 4, 5, 6)),
        },
        {"format": "pt"},
    ),
    # Every type, with names that sort the other way round, so that the writer's order shows.
    "types": (
        {
            name: t(dtype, [2], bytes(range(2 * width)))
            for name, dtype, width in [
                ("a", "bool", 1),
                ("b", "uint8", 1),
                ("c", "int8", 1),
                ("d", "int16", 2),
                ("e", "uint16", 2),
                ("f", "float16", 2),
                ("g", "bfloat16", 2),
                ("h", "int32", 4),
                ("i", "uint32", 4),
                ("j", "float32", 4),
                ("k", "float64", 8),
                ("l", "int64", 8),
                ("m", "uint64", 8),
            ]
        },
        None,
    ),
    "shapes": (
        {
            "scalar": t("float32", [], f32(7)),
            "none": t("float32", [0], b""),
            "none.too": t("float32", [3, 0, 2], b""),
            "byte": t("uint8", [1, 1, 1], b"\xff"),
            "z.half": t("float16", [3], bytes.fromhex("003c00c00100")),
        },
        None,
    ),
    # What JSON escapes, what it may escape, and what must pass unchanged. One metadata key: the reference's order of
    # several is that of a hash table.
    "names": (
        {
            'quote " backslash \\ slash /': t("uint8", [1], b"\x01"),
            "tab\t newline\n return\r back\b feed\f bell\x07 escape\x1b delete\x7f": t("uint8", [1], b"\x02"),
            "<a>&\u2028\u2029 \u00e9\u65e5\u672c \U0001f600": t("uint8", [1], b"\x03"),
            "": t("uint8", [1], b"\x04"),
        },
        {"key \u00e9\n": 'value "\x00" \U0001f600'},
    ),
}

for name, (tensors, metadata) in files.items():
    with open(name + ".safetensors", "wb") as f:
        f.write(serialize(tensors, metadata))
