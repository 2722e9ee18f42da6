"""The node <-> worker protocol as Python sees it: the numbers and layouts of `src/wire/abi.h`.

That header is the source of truth; `tests/test_wire.py` compares this file with it.
"""

from struct import Struct

ABI_VERSION = 1
FRAME_MAX = 65536
INLINE_MAX = 16384
CREDIT_BYTES = 256 * 1024
CREDIT_ELEMENTS = 16
TASKS_HELD_MAX = 4

FRAME_SETUP = 1
FRAME_START = 2
FRAME_ELEMENT = 3
FRAME_CHUNK = 4
FRAME_END = 5
FRAME_MAP = 6
FRAME_GRANT = 7
FRAME_CREDIT = 8
FRAME_CANCEL = 9
FRAME_STOP = 10
FRAME_UNMAP = 11
FRAME_HELLO = 32
FRAME_READY = 33
FRAME_WANT = 34
FRAME_ALLOC = 35
FRAME_EMIT = 36
FRAME_GROW = 37
FRAME_SEAL = 38
FRAME_LOG = 39
FRAME_DONE = 40
FRAME_FAILED = 41
FRAME_STARTED = 42

PLACE_INLINE = 0
PLACE_RANGE = 1
PLACE_OPEN = 2
PLACE_MASK = 3
FLAG_HOLE = 4
FLAG_VALUE = 8
FLAG_RELEASED = 16
FLAG_REFUSED = 32

KIND_BYTES = 1
KIND_TEXT = 2
KIND_JSON = 3
KIND_ARRAY = 4
KIND_FILE = 5
KIND_LIST = 6
KIND_NAMES = {1: "bytes", 2: "text", 3: "json", 4: "array", 5: "file", 6: "list"}

HELLO_COPY = 0
HELLO_SHM = 1

SIZE_UNKNOWN = 2**64 - 1
FAILED_MAX = 16384  # Payload of `failed`.
NAME_MAX = 255      # Bytes of a file's name.

HEADER = Struct("<IBBHQ")   # sluice_frame_header: length, type, flags, port, handle
RANGE = Struct("<IIQQ")     # sluice_range: region, reserved, offset, length
VALUE = Struct("<B3xHHQ")   # sluice_value: kind, name_length, file_mode, size
MAP = Struct("<QII")        # sluice_map: size, writable, is_file
CREDIT = Struct("<II")      # sluice_credit: bytes, elements
HELLO = Struct("<II")       # sluice_hello: abi, mode
SIZE = Struct("<Q")         # payload of alloc
HEADER_SIZE = HEADER.size
VALUE_SIZE = VALUE.size
RANGE_SIZE = RANGE.size
