// What the first parameter of a function names, where it is a pattern: `({ chunk, n = 3, ...rest })`.

const OPEN = "([{";
const CLOSE = ")]}";

// The end of the string, template or comment that begins at `at`; `at` where none does.
function skip(text, at) {
  const quote = text[at];
  if (quote === "/" && text[at + 1] === "/") {
    const end = text.indexOf("\n", at);
    return end < 0 ? text.length : end + 1;
  }
  if (quote === "/" && text[at + 1] === "*") return text.indexOf("*/", at + 2) + 2;
  if (quote !== '"' && quote !== "'" && quote !== "`") return at;
  for (let i = at + 1; i < text.length; i++) {
    if (text[i] === "\\") i++;
    else if (text[i] === quote) return i + 1;
  }
  return text.length;
}

// The parts of a list at depth 0, from behind its opening bracket to the closing one; comments are left out.
function partsOf(text, at) {
  const parts = [""];
  let depth = 0;
  while (at < text.length) {
    const end = skip(text, at);
    if (end > at) {
      if (text[at] !== "/") parts[parts.length - 1] += text.slice(at, end);
      at = end;
      continue;
    }
    const char = text[at++];
    if (CLOSE.includes(char) && depth-- === 0) return parts;
    if (OPEN.includes(char)) depth++;
    if (char === "," && depth === 0) parts.push("");
    else parts[parts.length - 1] += char;
  }
  return null;
}

// { names, defaults, hasRest }, or null where the code does not say: `(inputs) => …`, a bound or native function.
export function patternOf(found) {
  const text = Function.prototype.toString.call(found);
  if (text.includes("[native code]") || text.startsWith("class")) return null;
  const head = /^(?:async\b\s*)?(?:function\b\s*)?\*?\s*(?:[\w$]+\s*)?\(\s*/.exec(text);
  if (!head || text[head[0].length] !== "{") return null;
  const parts = partsOf(text, head[0].length + 1);
  if (!parts) return null;
  const names = new Set();
  const defaults = new Set();
  let hasRest = false;
  for (const part of parts) {
    const trimmed = part.trim();
    if (!trimmed) continue;
    if (trimmed.startsWith("...")) {
      hasRest = true;
      continue;
    }
    const name = /^([A-Za-z_$][\w$]*)\s*(?:[:=]|$)/.exec(trimmed)?.[1];
    if (!name) return null;
    names.add(name);
    if (/^[\w$]+\s*(?::\s*[\w$]+\s*)?=(?!=)/.test(trimmed)) defaults.add(name);
  }
  return { names, defaults, hasRest };
}
