// Rules as they stand in YAML files: each file a rule, `thresholds.yaml` the scores. Reads only.
// Guarantees: all faults at once, each with file, line and column; what has a fault is left out, the rest is given.
// Redelivery: the same files give the same rules.
import { readFile, readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { LineCounter, isNode, parseDocument } from 'yaml';
import { z } from 'zod';
import { ruleV1, thresholdsV1, type Rule, type Thresholds } from '../../events/rule.ts';

export type RuleText = Pick<Rule, 'ruleId' | 'expression' | 'weight' | 'reason' | 'severity' | 'isOn'>;
export type ThresholdTexts = Pick<Thresholds, 'reviewScore' | 'declineScore'>;

export interface RuleFiles {
  readonly rules: readonly RuleText[];
  readonly thresholds: ThresholdTexts | null;
  /** `file:line:column: what is wrong`. */
  readonly faults: readonly string[];
}

/** What is wrong with an expression; null when nothing is. */
export type CheckExpression = (expression: string) => string | null;

const { expression, weight, reason, severity, isOn } = ruleV1.shape;
const ruleFile = z.strictObject({ expression, weight, reason, severity, isOn: isOn.default(true) });
const thresholdsFile = z
  .strictObject({ reviewScore: thresholdsV1.shape.reviewScore, declineScore: thresholdsV1.shape.declineScore })
  .refine(({ reviewScore, declineScore }) => reviewScore <= declineScore, 'reviewScore must not be above declineScore');

/** Larger files are not rules. */
const bytesMax = 65_536;

/** Rejects only when the folder itself cannot be read. */
export async function readRules(folder: string, check: CheckExpression): Promise<RuleFiles> {
  const names = (await readdir(folder)).filter((name) => /\.ya?ml$/.test(name)).toSorted();
  const rules: RuleText[] = [];
  const faults: string[] = [];
  let thresholds: ThresholdTexts | null = null;
  for (const name of names) {
    const file = join(folder, name);
    const ruleId = basename(name).replace(/\.ya?ml$/, '');
    const text = await readFile(file, 'utf8').catch((error: Error) => error);
    if (text instanceof Error) faults.push(`${file}: cannot be read: ${text.message}`);
    else if (text.length > bytesMax) faults.push(`${file}:1:1: is larger than ${bytesMax} bytes`);
    else if (ruleId === 'thresholds') thresholds = parsed(file, text, thresholdsFile, faults) ?? thresholds;
    else if (rules.some((rule) => rule.ruleId === ruleId)) faults.push(`${file}:1:1: there are two files of this rule`);
    else {
      const rule = parsed(file, text, ruleFile, faults, ({ expression: of }) => check(of));
      if (rule) rules.push({ ruleId, ...rule });
    }
  }
  return { rules, thresholds, faults };
}

function parsed<T>(
  file: string,
  text: string,
  schema: z.ZodType<T>,
  faults: string[],
  check: (value: T) => string | null = () => null,
): T | null {
  const lineCounter = new LineCounter();
  const document = parseDocument(text, { lineCounter, uniqueKeys: true, prettyErrors: false });
  const fault = (at: number, message: string): null => {
    const { line, col } = lineCounter.linePos(at);
    faults.push(`${file}:${line}:${col}: ${message}`);
    return null;
  };
  const [broken] = document.errors;
  if (broken) return fault(broken.pos[0], broken.message);
  const outcome = schema.safeParse(document.toJS({ maxAliasCount: 100 }));
  if (!outcome.success) {
    for (const { path, message } of outcome.error.issues)
      fault(placeOf(document, path), path.length > 0 ? `${path.map(String).join('.')}: ${message}` : message);
    return null;
  }
  const why = check(outcome.data);
  return why === null ? outcome.data : fault(placeOf(document, ['expression']), `expression: ${why}`);
}

function placeOf(document: ReturnType<typeof parseDocument>, path: readonly PropertyKey[]): number {
  const node: unknown = document.getIn(path, true);
  return isNode(node) && node.range ? node.range[0] : 0;
}
