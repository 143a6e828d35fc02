// Bytes as text in a JSON file.

/** Characters that one call takes as its arguments, safely in every browser. */
const AT_A_TIME = 0x8000;

/** @param {Uint8Array} bytes @returns {string} base64 */
export function toBase64(bytes) {
  const quick = /** @type {any} */ (bytes).toBase64; // not in every browser yet
  if (quick) return quick.call(bytes);
  const parts = [];
  for (let at = 0; at < bytes.length; at += AT_A_TIME) parts.push(String.fromCharCode(...bytes.subarray(at, at + AT_A_TIME)));
  return btoa(parts.join(""));
}
