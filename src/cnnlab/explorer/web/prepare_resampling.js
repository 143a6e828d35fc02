// Pillow's scaling of pictures (Image.resize, reduce, thumbnail and crop), with its filters and its rounding.

/**
 * Rows of pixels, each pixel's bands side by side: bytes, 0–255.
 * @typedef {{width: number, height: number, bands: number, data: Uint8Array}} Picture
 */

/** Rows of one value a pixel. @typedef {{width: number, height: number, data: Float32Array}} Plane */

/** @typedef {{support: number, at: (x: number) => number}} Filter a kernel, and how far it reaches in source pixels */
/** @typedef {[number, number, number, number]} Box left, top, right, bottom */

/** @type {Filter} */
export const BOX = { support: 0.5, at: (x) => (x > -0.5 && x <= 0.5 ? 1 : 0) };

/** @type {Filter} */
export const BILINEAR = { support: 1, at: (x) => Math.max(0, 1 - Math.abs(x)) };

/** Keys' cubic convolution with a = −1/2. @type {Filter} */
export const BICUBIC = {
  support: 2,
  at(signed) {
    const x = Math.abs(signed);
    if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
    return x < 2 ? (((x - 5) * x + 8) * x - 4) * -0.5 : 0;
  },
};

/** Bits after the point of a weight for bytes. */
const PRECISION = 22;

/**
 * A picture scaled, antialiased: what lies in the box fills the new size.
 * @param {Picture} picture
 * @param {[number, number]} size width, height
 * @param {Filter} filter
 * @param {Box} box in pixels of the picture, not always whole ones
 * @returns {Picture}
 */
export function resize(picture, [width, height], filter, box = wholeOf(picture)) {
  const { bands } = picture;
  const across = weights(picture.width, box[0], box[2], width, filter);
  const down = weights(picture.height, box[1], box[3], height, filter);
  // The order decides where a level is lost to rounding; this is Pillow 13's.
  const isDownFirst = height < picture.height && picture.height - height > 2 * (picture.width - width);
  let { data } = picture;
  if (down && isDownFirst) data = bytesDown(data, picture.width * bands, down);
  if (across) data = bytesAcross(data, picture.width, isDownFirst ? height : picture.height, bands, across);
  if (down && !isDownFirst) data = bytesDown(data, width * bands, down);
  return { width, height, bands, data };
}

/** The same for a plane, as a whole. @param {Plane} plane @param {[number, number]} size @param {Filter} filter @returns {Plane} */
export function resizePlane(plane, [width, height], filter) {
  const across = weights(plane.width, 0, plane.width, width, filter);
  const down = weights(plane.height, 0, plane.height, height, filter);
  let { data } = plane;
  if (across) {
    data = new Float32Array(width * plane.height);
    for (let y = 0, to = 0; y < plane.height; y++) {
      for (let x = 0; x < width; x++, to++) {
        const from = y * plane.width + across.starts[x];
        let sum = 0;
        for (let k = 0; k < across.counts[x]; k++) sum += plane.data[from + k] * across.shares[x * across.most + k];
        data[to] = sum;
      }
    }
  }
  if (!down) return { width, height, data };
  const scaled = new Float32Array(width * height);
  for (let y = 0, to = 0; y < height; y++) {
    for (let x = 0; x < width; x++, to++) {
      let sum = 0;
      for (let k = 0; k < down.counts[y]; k++) sum += data[(down.starts[y] + k) * width + x] * down.shares[y * down.most + k];
      scaled[to] = sum;
    }
  }
  return { width, height, data: scaled };
}

/**
 * Every block of pixels becomes its mean; blocks at the right and lower edge may be smaller.
 * @param {Picture} picture
 * @param {[number, number]} factors width and height of a block
 * @param {Box} box whole pixels of the picture
 * @returns {Picture}
 */
export function reduce(picture, [across, down], box = wholeOf(picture)) {
  const { bands, data } = picture;
  const [left, top, right, bottom] = box;
  const [width, height] = [Math.ceil((right - left) / across), Math.ceil((bottom - top) / down)];
  const reduced = new Uint8Array(width * height * bands);
  const sums = new Uint32Array(width * bands);
  for (let y = 0; y < height; y++) {
    const [first, last] = [top + y * down, Math.min(bottom, top + (y + 1) * down)];
    sums.fill(0);
    for (let row = first; row < last; row++) {
      let from = (row * picture.width + left) * bands;
      for (let x = 0, to = 0; x < width; x++, to += bands) {
        const end = (row * picture.width + Math.min(right, left + (x + 1) * across)) * bands;
        if (bands === 1) {
          for (; from < end; from++) sums[to] += data[from];
        } else {
          let [r, g, b] = [0, 0, 0];
          for (; from < end; from += 3) {
            r += data[from];
            g += data[from + 1];
            b += data[from + 2];
          }
          sums[to] += r;
          sums[to + 1] += g;
          sums[to + 2] += b;
        }
      }
    }
    for (let i = 0; i < sums.length; i++) {
      const x = Math.floor(i / bands);
      const count = (last - first) * (Math.min(right, left + (x + 1) * across) - left - x * across);
      reduced[y * sums.length + i] = ((sums[i] + (count >> 1)) * Math.floor(2 ** 24 / count)) / 2 ** 24;
    }
  }
  return { width, height, bands, data: reduced };
}

/**
 * A picture made smaller until no side is longer than that; one that is not longer stays.
 * @param {Picture} picture
 * @param {number} longest
 * @param {Filter} filter
 * @returns {Picture}
 */
export function thumbnail(picture, longest, filter) {
  if (Math.max(picture.width, picture.height) <= longest) return picture;
  const aspect = picture.width / picture.height;
  let [width, height] = [longest, longest];
  if (aspect <= 1) width = nearestWhole(height * aspect, (n) => Math.abs(aspect - n / height));
  else height = nearestWhole(width / aspect, (n) => (n === 0 ? 0 : Math.abs(aspect - width / n)));
  if (width === picture.width && height === picture.height) return picture;
  // Blocks first, as long as two of them or more go into a pixel: all but the same, and far quicker.
  const across = Math.trunc(picture.width / width / 2) || 1;
  const down = Math.trunc(picture.height / height / 2) || 1;
  if (across === 1 && down === 1) return resize(picture, [width, height], filter);
  return resize(reduce(picture, [across, down]), [width, height], filter, [0, 0, picture.width / across, picture.height / down]);
}

/** @param {Picture} picture @param {Box} box whole pixels within the picture @returns {Picture} */
export function crop(picture, [left, top, right, bottom]) {
  const { bands } = picture;
  const [width, height] = [Math.max(0, right - left), Math.max(0, bottom - top)];
  const data = new Uint8Array(width * height * bands);
  for (let y = 0; y < height; y++) {
    const from = ((top + y) * picture.width + left) * bands;
    data.set(picture.data.subarray(from, from + width * bands), y * width * bands);
  }
  return { width, height, bands, data };
}

/**
 * What lies at a x + b y + c, d x + e y + f in a picture for each x, y of the new size, in between its pixels by their
 * distance; black outside (Pillow's Image.transform, AFFINE and BILINEAR).
 * @param {Picture} picture
 * @param {[number, number]} size width, height
 * @param {number[]} back a, b, c, d, e, f
 * @returns {Picture}
 */
export function turned(picture, [width, height], [a, b, c, d, e, f]) {
  const { bands, data } = picture;
  const turnedData = new Uint8Array(width * height * bands);
  const within = (place, length) => Math.min(length - 1, Math.max(0, place));
  for (let y = 0, to = 0; y < height; y++) {
    for (let x = 0; x < width; x++, to += bands) {
      const across = a * (x + 0.5) + b * (y + 0.5) + c;
      const down = d * (x + 0.5) + e * (y + 0.5) + f;
      if (across < 0 || across >= picture.width || down < 0 || down >= picture.height) continue;
      const [left, top] = [Math.floor(across - 0.5), Math.floor(down - 0.5)];
      const [shareX, shareY] = [across - 0.5 - left, down - 0.5 - top];
      const at = (row, column) => (within(row, picture.height) * picture.width + within(column, picture.width)) * bands;
      const isLastRow = top + 1 < 0 || top + 1 >= picture.height;
      for (let band = 0; band < bands; band++) {
        const mix = (row) => {
          const [one, next] = [data[at(row, left) + band], data[at(row, left + 1) + band]];
          return one + (next - one) * shareX;
        };
        const upper = mix(top);
        const lower = isLastRow ? upper : mix(top + 1);
        turnedData[to + band] = Math.trunc(upper + (lower - upper) * shareY);
      }
    }
  }
  return { width, height, bands, data: turnedData };
}

/** @param {{width: number, height: number}} picture @returns {Box} */
function wholeOf({ width, height }) {
  return [0, 0, width, height];
}

function nearestWhole(value, deviation) {
  const [below, above] = [Math.floor(value), Math.ceil(value)];
  return Math.max(1, deviation(above) < deviation(below) ? above : below);
}

/**
 * For each new pixel along one axis the first source pixel, how many, and their shares; null if none would change.
 * @param {number} length of the source, in pixels
 * @param {number} from @param {number} to where in the source
 * @param {number} newLength
 * @param {Filter} filter
 */
function weights(length, from, to, newLength, filter) {
  if (newLength === length && from === 0 && to === length) return null;
  const [begin, end] = [Math.fround(from), Math.fround(to)];
  const scale = Math.fround(end - begin) / newLength;
  const stretch = Math.max(1, scale);
  const support = filter.support * stretch;
  const most = 2 * Math.ceil(support) + 1;
  const [starts, counts, shares] = [new Int32Array(newLength), new Int32Array(newLength), new Float64Array(newLength * most)];
  for (let i = 0; i < newLength; i++) {
    const centre = begin + (i + 0.5) * scale;
    const start = Math.max(0, Math.trunc(centre - support + 0.5));
    const count = Math.min(length, Math.trunc(centre + support + 0.5)) - start;
    let total = 0;
    for (let k = 0; k < count; k++) {
      shares[i * most + k] = filter.at((k + start - centre + 0.5) * (1 / stretch));
      total += shares[i * most + k];
    }
    if (total !== 0) for (let k = 0; k < count; k++) shares[i * most + k] /= total;
    starts[i] = start;
    counts[i] = count;
  }
  return { starts, counts, shares, most };
}

/** @param {NonNullable<ReturnType<typeof weights>>} of */
function wholeShares({ shares }) {
  return Int32Array.from(shares, (share) => Math.trunc(share * 2 ** PRECISION + (share < 0 ? -0.5 : 0.5)));
}

function bytesAcross(data, width, height, bands, across) {
  const { starts, counts, most } = across;
  const newWidth = starts.length;
  const shares = wholeShares(across);
  const scaled = new Uint8ClampedArray(newWidth * height * bands);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < newWidth; x++) {
      const [first, last] = [x * most, x * most + counts[x]];
      for (let band = 0; band < bands; band++) {
        let from = (y * width + starts[x]) * bands + band;
        let sum = 1 << (PRECISION - 1);
        for (let k = first; k < last; k++, from += bands) sum = (sum + Math.imul(data[from], shares[k])) | 0;
        scaled[(y * newWidth + x) * bands + band] = sum >> PRECISION;
      }
    }
  }
  return new Uint8Array(scaled.buffer);
}

function bytesDown(data, row, down) {
  const { starts, counts, most } = down;
  const shares = wholeShares(down);
  const scaled = new Uint8ClampedArray(row * starts.length);
  const sums = new Int32Array(row);
  for (let y = 0; y < starts.length; y++) {
    sums.fill(1 << (PRECISION - 1));
    for (let k = 0; k < counts[y]; k++) {
      const [from, share] = [(starts[y] + k) * row, shares[y * most + k]];
      for (let i = 0; i < row; i++) sums[i] += Math.imul(data[from + i], share);
    }
    for (let i = 0; i < row; i++) scaled[y * row + i] = sums[i] >> PRECISION;
  }
  return new Uint8Array(scaled.buffer);
}
