// One weight's step as lines that are read from top to bottom, each a formula with its numbers.

import { BETAS, EPSILON, MOMENTUM } from "./optimizers.js";

/**
 * @param {import("./inspector.js").WeightAnswer} answer
 * @returns {{name: string, formula: string, result: number, written: string}[]}
 */
export function stepRows({ opened, settings, before, isDecayed, value, step }) {
  const { optimizer, learningRate: rate, weightDecay } = settings;
  const t = step + 1;
  const [beta1, beta2] = BETAS;
  const lambda = isDecayed ? weightDecay : 0;
  const isDecoupled = optimizer === "adamw";
  const rows = [{ name: "g", formula: weightDecay && !isDecayed ? "the gradient; weight decay leaves biases, γ and β alone" : "the gradient", result: opened.gradient }];
  let g = "g";
  if (lambda && !isDecoupled) {
    rows.push({ name: "g′", formula: `g + λ w = ${precise(opened.gradient)} + ${plain(lambda)} × ${factor(value)}`, result: opened.direction });
    g = "g′";
  }
  const direction = precise(opened.direction);
  if (optimizer === "momentum") {
    rows.push({ name: "v", formula: `${MOMENTUM} × v before + ${g} = ${MOMENTUM} × ${factor(before.first)} + ${factor(opened.direction)}`, result: opened.first });
    rows.push({ name: "step", formula: `η v = ${plain(rate)} × ${factor(opened.first)}`, result: opened.step });
  } else if (optimizer === "sgd") {
    rows.push({ name: "step", formula: `η ${g} = ${plain(rate)} × ${factor(opened.direction)}`, result: opened.step });
  } else {
    rows.push(
      { name: "m", formula: `β₁ m before + (1 − β₁) ${g} = ${beta1} × ${factor(before.first)} + ${plain(1 - beta1)} × ${factor(opened.direction)}`, result: opened.first },
      { name: "v", formula: `β₂ v before + (1 − β₂) ${g}² = ${beta2} × ${precise(before.second)} + ${plain(1 - beta2)} × ${opened.direction < 0 ? `(${direction})` : direction}²`, result: opened.second },
      { name: "m̂", formula: `m / (1 − β₁ᵗ) = ${precise(opened.first)} / (1 − ${beta1}^${t}) = ${precise(opened.first)} / ${precise(opened.corrections[0])}`, result: opened.correctedFirst },
      { name: "v̂", formula: `v / (1 − β₂ᵗ) = ${precise(opened.second)} / (1 − ${beta2}^${t}) = ${precise(opened.second)} / ${precise(opened.corrections[1])}`, result: opened.correctedSecond },
      { name: "step", formula: `η m̂ / (√v̂ + ε) = ${plain(rate)} × ${factor(opened.correctedFirst)} / (${precise(Math.sqrt(opened.correctedSecond))} + ${plain(EPSILON)})`, result: opened.step },
    );
  }
  if (lambda && isDecoupled) rows.push({ name: "w′", formula: `w − η λ w = ${precise(value)} × (1 − ${plain(rate)} × ${plain(lambda)})`, result: opened.shrunk });
  rows.push({ name: "new w", formula: `${lambda && isDecoupled ? "w′" : "w"} − step = ${precise(opened.shrunk)} − ${factor(opened.step)}`, result: opened.weight });
  return rows.map((row) => ({ ...row, written: precise(row.result) }));
}

/** Five significant digits, so that the lines can be checked by hand. @param {number} of */
export function precise(of) {
  const size = Math.abs(of);
  return (size && (size < 1e-4 || size >= 1e6) ? of.toExponential(3).replace("+", "") : String(Number(of.toPrecision(5)))).replaceAll("-", "−");
}

/** @param {number} of */
function factor(of) {
  return of < 0 ? `(${precise(of)})` : precise(of);
}

/** A setting as it was set: no rounding, but for what binary fractions add. @param {number} of */
function plain(of) {
  return String(Number(of.toPrecision(6))).replace("-", "−");
}
