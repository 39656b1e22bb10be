/** Where the values of a flat JSON object stand: what comes before each value, byte for byte, and what follows the last. */
export interface Layout {
  readonly fields: readonly { readonly before: string; readonly name: string; readonly value: string }[];
  readonly after: string;
}

const member = /([\s,{]*"([^"]*)"\s*:\s*)("[^"]*"|-?\d[\d.eE+-]*|true|false|null)/y;

/**
 * The layout of the JSON object in `text`, which must be valid JSON; null where no decoder can expect such a one again:
 * escapes, text beyond ASCII, values that are not flat, a key twice.
 */
export function layoutOf(text: string): Layout | null {
  // oxlint-disable-next-line no-control-regex
  if (/[^\x00-\x7f]|\\/.test(text)) return null;
  const fields: { before: string; name: string; value: string }[] = [];
  const names = new Set<string>();
  let at = 0;
  for (;;) {
    member.lastIndex = at;
    const found = member.exec(text);
    if (!found) break;
    const [whole, before = '', name = '', value = ''] = found;
    if (names.has(name)) return null;
    names.add(name);
    fields.push({ before, name, value });
    at += whole.length;
  }
  const after = text.slice(at);
  return fields.length > 0 && /^\s*\}\s*$/.test(after) ? { fields, after } : null;
}

/** Equal for layouts that one decoder serves. Constant fields are part of it, so two types never share one. */
export const signatureOf = ({ fields, after }: Layout, isConstant: (name: string) => boolean): string =>
  fields
    .map(({ before, name, value }) => before + (isConstant(name) ? value : value.startsWith('"') ? '"' : ''))
    .join('') + after;
