// Numeric arrays as `.npy` v1 with the data aligned to 64 bytes: a typed array and its shape.

const TYPES = {
  "|b1": Uint8Array, "|u1": Uint8Array, "|i1": Int8Array, "<u2": Uint16Array, "<i2": Int16Array,
  "<u4": Uint32Array, "<i4": Int32Array, "<u8": BigUint64Array, "<i8": BigInt64Array, "<f4": Float32Array,
  "<f8": Float64Array,
};
const MAGIC = Buffer.from("\x93NUMPY\x01\x00", "latin1");

export class NdArray {
  // data: a typed array; shape: numbers, by default that of one dimension; the last index runs fastest,
  // or the first where isFortran.
  constructor(data, shape = [data.length], { dtype = dtypeOf(data), isFortran = false } = {}) {
    const count = shape.reduce((product, each) => product * each, 1);
    if (count !== data.length) throw new RangeError(`shape [${shape}] has ${count} numbers, the data ${data.length}`);
    this.data = data;
    this.shape = shape;
    this.dtype = dtype;
    this.isFortran = isFortran;
  }
}

function dtypeOf(data) {
  for (const [dtype, Type] of Object.entries(TYPES)) {
    if (dtype !== "|b1" && data instanceof Type) return dtype;
  }
  if (data instanceof Uint8ClampedArray) return "|u1";
  throw new TypeError(`${data?.constructor?.name ?? typeof data} is no typed array of numbers`);
}

// Throws RangeError with what is wrong with the bytes.
export function parseNpy(bytes) {
  if (bytes.length < 12 || bytes.compare(MAGIC, 0, 6, 0, 6) !== 0) throw new RangeError("is no .npy array");
  const major = bytes[6];
  if (major < 1 || major > 3) throw new RangeError(`is .npy of an unknown version (${major})`);
  const begin = major === 1 ? 10 : 12;
  const start = begin + (major === 1 ? bytes.readUInt16LE(8) : bytes.readUInt32LE(8));
  if (start > bytes.length) throw new RangeError("is a .npy array that ends within its header");
  const header = bytes.toString("latin1", begin, start);
  const descr = /'descr':\s*'([^']*)'/.exec(header)?.[1];
  const order = /'fortran_order':\s*(True|False)/.exec(header)?.[1];
  const shapeText = /'shape':\s*\(([0-9, ]*)\)/.exec(header)?.[1];
  if (descr === undefined || order === undefined || shapeText === undefined) {
    throw new RangeError("is a .npy array with a header that cannot be understood");
  }
  const Type = TYPES[descr];
  if (!Type) throw new RangeError(`is an array of dtype ${descr}, which JavaScript has no typed array for`);
  const shape = shapeText.split(",").map((each) => each.trim()).filter(Boolean).map(Number);
  const count = shape.reduce((product, each) => product * each, 1);
  if (!Number.isSafeInteger(count) || count * Type.BYTES_PER_ELEMENT > bytes.length - start) {
    throw new RangeError(`is a .npy array of shape (${shape}) with only ${bytes.length - start} bytes of data`);
  }
  const at = bytes.byteOffset + start;
  const size = count * Type.BYTES_PER_ELEMENT;
  const data = at % Type.BYTES_PER_ELEMENT === 0
    ? new Type(bytes.buffer, at, count)
    : new Type(bytes.buffer.slice(at, at + size));
  return new NdArray(data, shape, { dtype: descr, isFortran: order === "True" });
}

// [header, data]
export function npyParts(array) {
  const shape = array.shape.map((each) => `${each}, `).join("");
  const text = `{'descr': '${array.dtype}', 'fortran_order': ${array.isFortran ? "True" : "False"}, 'shape': (${shape}), }`;
  const padding = (64 - ((text.length + 11) % 64)) % 64;
  const length = Buffer.alloc(2);
  length.writeUInt16LE(text.length + padding + 1);
  const { buffer, byteOffset, byteLength } = array.data;
  return [
    Buffer.concat([MAGIC, length, Buffer.from(`${text}${" ".repeat(padding)}\n`, "latin1")]),
    Buffer.from(buffer, byteOffset, byteLength),
  ];
}
