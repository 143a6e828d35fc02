// Functions of one value, as PyTorch defines them, and how each is written.

const SELU_SCALE = 1.0507009873554805;
const SELU_ALPHA = 1.6732632423543772;

/** The error function, to 1e-15: its series near 0, the continued fraction of its complement elsewhere. */
function erf(x) {
  const size = Math.abs(x);
  if (size < 2.5) {
    let term = size;
    let sum = size;
    for (let n = 1; Math.abs(term) > 1e-17 * sum; n++) {
      term *= (-size * size) / n;
      sum += term / (2 * n + 1);
    }
    return (Math.sign(x) * 2 * sum) / Math.sqrt(Math.PI);
  }
  let fraction = 0;
  for (let n = 60; n > 0; n--) fraction = n / 2 / (size + fraction);
  return Math.sign(x) * (1 - Math.exp(-size * size) / Math.sqrt(Math.PI) / (size + fraction));
}

const clamp = (x, low, high) => Math.min(high, Math.max(low, x));
const sigmoid = (x) => 1 / (1 + Math.exp(-x));
const softplus = (x) => (x > 20 ? x : Math.log1p(Math.exp(x)));

/** @type {Record<string, {of: (x: number, s: any) => number, written: string}>} */
export const ACTIVATIONS = {
  relu: { of: (x) => (x <= 0 ? 0 : x), written: "max(0, x)" },
  relu6: { of: (x) => clamp(x, 0, 6), written: "min(6, max(0, x))" },
  leaky_relu: { of: (x, s) => (x > 0 ? x : s.negative_slope * x), written: "x, below 0 times the slope" },
  elu: { of: (x, s) => (x > 0 ? x : s.alpha * Math.expm1(x)), written: "x, below 0 α (eˣ − 1)" },
  selu: { of: (x) => SELU_SCALE * (x > 0 ? x : SELU_ALPHA * Math.expm1(x)), written: "λ x, below 0 λ α (eˣ − 1)" },
  silu: { of: (x) => x * sigmoid(x), written: "x / (1 + e⁻ˣ)" },
  mish: { of: (x) => x * Math.tanh(softplus(x)), written: "x tanh(ln(1 + eˣ))" },
  gelu: { of: (x) => (x / 2) * (1 + erf(x / Math.SQRT2)), written: "x Φ(x)" },
  hardswish: { of: (x) => (x * clamp(x + 3, 0, 6)) / 6, written: "x · min(6, max(0, x + 3)) / 6" },
  hardsigmoid: { of: (x) => clamp(x + 3, 0, 6) / 6, written: "min(6, max(0, x + 3)) / 6" },
  hardtanh: { of: (x, s) => clamp(x, s.min_val, s.max_val), written: "x within its limits" },
  clamp: { of: (x, s) => clamp(x, s.min ?? -Infinity, s.max ?? Infinity), written: "x within its limits" },
  sigmoid: { of: sigmoid, written: "1 / (1 + e⁻ˣ)" },
  tanh: { of: Math.tanh, written: "tanh(x)" },
  softplus: {
    of: (x, s) => (s.beta * x > s.threshold ? x : Math.log1p(Math.exp(s.beta * x)) / s.beta),
    written: "ln(1 + e^(βx)) / β",
  },
  softsign: { of: (x) => x / (1 + Math.abs(x)), written: "x / (1 + |x|)" },
  square: { of: (x) => x * x, written: "x²" },
  neg: { of: (x) => -x, written: "−x" },
  abs: { of: Math.abs, written: "|x|" },
};
