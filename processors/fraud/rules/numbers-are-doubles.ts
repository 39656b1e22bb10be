// CEL tells whole numbers from others and does not mix them; people do. Every number that a rule sees is a double, so whole-number
// literals of an expression are written as doubles before it is compiled: `5 * f.x / 2` means what it looks like.
// Pure; text in strings stays as it is. Redelivery: no state.

/** Strings, names (which may hold digits), numbers: what comes first in the text wins. */
const token = /"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|[A-Za-z_]\w*|\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|\./g;

/** `f.a > 5` → `f.a > 5.0`. */
export function numbersAreDoubles(expression: string): string {
  return expression.replace(token, (found) => (/^\d+$/.test(found) ? `${found}.0` : found));
}
