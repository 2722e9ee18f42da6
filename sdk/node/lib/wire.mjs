// The node <-> worker protocol as JavaScript sees it: the numbers and layouts of src/wire/abi.h.
// That header is the source of truth; tests/wire.test.mjs compares this file with it.

export const ABI_VERSION = 1;
export const HEADER_SIZE = 16;
export const FRAME_MAX = 65536;
export const INLINE_MAX = 16384;
export const CREDIT_BYTES = 256 * 1024;
export const CREDIT_ELEMENTS = 16;
export const TASKS_HELD_MAX = 4;

export const FRAME_SETUP = 1;
export const FRAME_START = 2;
export const FRAME_ELEMENT = 3;
export const FRAME_CHUNK = 4;
export const FRAME_END = 5;
export const FRAME_MAP = 6;
export const FRAME_GRANT = 7;
export const FRAME_CREDIT = 8;
export const FRAME_CANCEL = 9;
export const FRAME_STOP = 10;
export const FRAME_UNMAP = 11;
export const FRAME_HELLO = 32;
export const FRAME_READY = 33;
export const FRAME_WANT = 34;
export const FRAME_ALLOC = 35;
export const FRAME_EMIT = 36;
export const FRAME_GROW = 37;
export const FRAME_SEAL = 38;
export const FRAME_LOG = 39;
export const FRAME_DONE = 40;
export const FRAME_FAILED = 41;
export const FRAME_STARTED = 42;

export const PLACE_INLINE = 0;
export const PLACE_RANGE = 1;
export const PLACE_OPEN = 2;
export const PLACE_MASK = 3;
export const FLAG_HOLE = 4;
export const FLAG_VALUE = 8;
export const FLAG_RELEASED = 16;
export const FLAG_REFUSED = 32;

export const KIND_BYTES = 1;
export const KIND_TEXT = 2;
export const KIND_JSON = 3;
export const KIND_ARRAY = 4;
export const KIND_FILE = 5;
export const KIND_LIST = 6;
export const KIND_NAMES = ["", "bytes", "text", "json", "array", "file", "list"];

export const HELLO_COPY = 0;

export const FAILED_MAX = 16384; // Payload of `failed`.
export const NAME_MAX = 255; // Bytes of a file's name.
export const VALUE_SIZE = 16;

// sluice_value: kind, name_length, file_mode, size; size -1 where it is not known.
export function valueHeader(kind, nameLength, mode, size) {
  const header = Buffer.alloc(VALUE_SIZE);
  header[0] = kind;
  header.writeUInt16LE(nameLength, 4);
  header.writeUInt16LE(mode, 6);
  if (size < 0) header.fill(0xff, 8, 16);
  else header.writeBigUInt64LE(BigInt(size), 8);
  return header;
}

export function creditPayload(bytes, elements) {
  const payload = Buffer.alloc(8);
  payload.writeUInt32LE(bytes, 0);
  payload.writeUInt32LE(elements, 4);
  return payload;
}

export function helloPayload(mode, sdk) {
  const payload = Buffer.alloc(8);
  payload.writeUInt32LE(ABI_VERSION, 0);
  payload.writeUInt32LE(mode, 4);
  return Buffer.concat([payload, Buffer.from(sdk)]);
}
