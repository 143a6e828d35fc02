// Text as UTF-8 can have it.

/** With U+FFFD for halves of a UTF-16 pair, which UTF-8 has no bytes for. @param {string} text */
export function whole(text) {
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(new TextEncoder().encode(text));
}
