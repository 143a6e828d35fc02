// What a reader types for a number: digits written in several ways, and arithmetic with them, worked out.

const GROUPED = /^[1-9]\d{0,2}(?:([, '\u2019\u00a0\u202f\u2009])\d{3}(?:\1\d{3})*(?!\d))(?:\.\d+)?/;
const POINTS = /^[1-9]\d{0,2}(?:\.\d{3})+,\d+/; // 1.234,5
const PLAIN = /^(?:\d+(?:[.,]\d+)?|[.,]\d+)(?:e[-+]?\d+)?/i;
const POWERS = { "\u00b2": 2, "\u00b3": 3 };

/**
 * `2,416`, `2 416`, `0,5`, `−3`, `784·10 + 10`, `28x28`, `1/9`, `5²`, `98.7 %` and `ln(10)` as numbers.
 *
 * A comma, blank or apostrophe between groups of three digits groups them, any other comma is a point. `%` divides by a
 * hundred, unless percent is what is asked for.
 *
 * @param {string} text
 * @param {string} [unit] that the answer is given in; it may stand after the number
 * @returns {number | null} null for what is no arithmetic, or comes to no number
 */
export function toNumber(text, unit = "") {
  const plain = text.trim();
  const bare = unit && plain.endsWith(unit) ? plain.slice(0, -unit.length) : plain;
  let rest = bare.replace(/[\u2212\u2013]/g, "-").replace(/[×·∙⋅*]/g, "*").replace(/[÷:]/g, "/").replace(/\*\*/g, "^");
  const value = sum();
  return skipBlanks() === "" && value !== null && Number.isFinite(value) ? value : null;

  function skipBlanks() {
    rest = rest.trimStart();
    return rest;
  }

  /** @param {string} signs @returns {string} the sign that comes next, taken; none of them: nothing */
  function taken(signs) {
    const next = skipBlanks()[0];
    if (next === undefined || !signs.includes(next)) return "";
    rest = rest.slice(1);
    return next;
  }

  function sum() {
    let value = product();
    for (let sign = taken("+-"); sign && value !== null; sign = taken("+-")) {
      const next = product();
      value = next === null ? null : sign === "+" ? value + next : value - next;
    }
    return value;
  }

  function product() {
    let value = signed();
    for (let sign = taken("*xX/"); sign && value !== null; sign = taken("*xX/")) {
      const next = signed();
      value = next === null ? null : sign === "/" ? value / next : value * next;
    }
    return value;
  }

  function signed() {
    const sign = taken("+-");
    if (!sign) return power();
    const value = signed();
    return value === null ? null : sign === "-" ? -value : value;
  }

  function power() {
    let value = single();
    const raised = taken("^\u00b2\u00b3");
    if (raised && value !== null) {
      const exponent = POWERS[raised] ?? signed();
      value = exponent === null ? null : value ** exponent;
    }
    while (value !== null && taken("%")) value /= 100;
    return value;
  }

  function single() {
    if (/^ln\b/.test(skipBlanks())) {
      rest = rest.slice(2);
      const value = skipBlanks().startsWith("(") ? single() : null;
      return value === null ? null : Math.log(value);
    }
    if (taken("(")) {
      const value = sum();
      return taken(")") ? value : null;
    }
    const grouped = GROUPED.exec(rest)?.[0];
    const points = POINTS.exec(rest)?.[0];
    const found = grouped ?? points ?? PLAIN.exec(rest)?.[0];
    if (found === undefined) return null;
    rest = rest.slice(found.length);
    if (grouped) return Number(grouped.replace(/[^\d.]/g, ""));
    if (points) return Number(points.replace(/\./g, "").replace(",", "."));
    return Number(found.replace(",", "."));
  }
}
