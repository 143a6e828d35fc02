// A safetensors file: the length of a JSON header, the header, and the tensors' bytes one after the other.

/** The header begins at byte 8, and the tensors where 8 divides their place. */
const ALIGNED = 8;

/**
 * @param {{name: string, shape: number[], values: Float32Array | BigInt64Array}[]} tensors
 * @param {Record<string, string>} metadata
 * @returns {Uint8Array}
 */
export function safetensors(tensors, metadata) {
  let end = 0;
  const entries = tensors.map(({ name, shape, values }) => {
    const offsets = [end, (end += values.byteLength)];
    return [name, { dtype: values instanceof BigInt64Array ? "I64" : "F32", shape, data_offsets: offsets }];
  });
  const header = new TextEncoder().encode(JSON.stringify({ __metadata__: metadata, ...Object.fromEntries(entries) }));
  const length = ALIGNED * Math.ceil(header.length / ALIGNED);
  const file = new Uint8Array(8 + length + end).fill(0x20, 8, 8 + length); // the header's end is blanks
  new DataView(file.buffer).setBigUint64(0, BigInt(length), true);
  file.set(header, 8);
  let at = 8 + length;
  for (const { values } of tensors) {
    file.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), at);
    at += values.byteLength;
  }
  return file;
}
