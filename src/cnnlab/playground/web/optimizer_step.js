// One weight's step as lines that are read from top to bottom, each a formula with its numbers.

import { factor, number } from "../../explorer/web/numbers.js";
import { BETAS, EPSILON, MOMENTUM } from "./optimizers.js";

/**
 * @param {import("./inspector.js").WeightAnswer} answer
 * @returns {{name: string, formula: string, result: number}[]}
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
    rows.push({ name: "g′", formula: `g + λ w = ${number(opened.gradient)} + ${plain(lambda)} × ${factor(value)}`, result: opened.direction });
    g = "g′";
  }
  const direction = number(opened.direction);
  if (optimizer === "momentum") {
    rows.push({ name: "v", formula: `${MOMENTUM} × v before + ${g} = ${MOMENTUM} × ${factor(before.first)} + ${factor(opened.direction)}`, result: opened.first });
    rows.push({ name: "step", formula: `η v = ${plain(rate)} × ${factor(opened.first)}`, result: opened.step });
  } else if (optimizer === "sgd") {
    rows.push({ name: "step", formula: `η ${g} = ${plain(rate)} × ${factor(opened.direction)}`, result: opened.step });
  } else {
    rows.push(
      { name: "m", formula: `β₁ m before + (1 − β₁) ${g} = ${beta1} × ${factor(before.first)} + ${plain(1 - beta1)} × ${factor(opened.direction)}`, result: opened.first },
      { name: "v", formula: `β₂ v before + (1 − β₂) ${g}² = ${beta2} × ${number(before.second)} + ${plain(1 - beta2)} × ${opened.direction < 0 ? `(${direction})` : direction}²`, result: opened.second },
      { name: "m̂", formula: `m / (1 − β₁ᵗ) = ${number(opened.first)} / (1 − ${beta1}^${t}) = ${number(opened.first)} / ${number(opened.corrections[0])}`, result: opened.correctedFirst },
      { name: "v̂", formula: `v / (1 − β₂ᵗ) = ${number(opened.second)} / (1 − ${beta2}^${t}) = ${number(opened.second)} / ${number(opened.corrections[1])}`, result: opened.correctedSecond },
      { name: "step", formula: `η m̂ / (√v̂ + ε) = ${plain(rate)} × ${factor(opened.correctedFirst)} / (${number(Math.sqrt(opened.correctedSecond))} + ${plain(EPSILON)})`, result: opened.step },
    );
  }
  if (lambda && isDecoupled) rows.push({ name: "w′", formula: `w − η λ w = ${number(value)} × (1 − ${plain(rate)} × ${plain(lambda)})`, result: opened.shrunk });
  rows.push({ name: "new w", formula: `${lambda && isDecoupled ? "w′" : "w"} − step = ${number(opened.shrunk)} − ${factor(opened.step)}`, result: opened.weight });
  return rows;
}

/** A setting as it was set: no rounding, but for what binary fractions add. @param {number} of */
function plain(of) {
  return String(Number(of.toPrecision(6))).replace("-", "−");
}
