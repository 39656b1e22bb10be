import { readFileSync } from 'node:fs';

/** One command block of the README's path, and what it says that it prints. */
export interface ReadmeStep {
  readonly commands: string;
  readonly prints: RegExp;
  /** What the receiver of webhooks prints by then; null: nothing is said about it. */
  readonly listenerPrints: RegExp | null;
}

/** The `sh` blocks under a heading of the README, each with the `text` blocks that follow it, in their order; `adapt` changes ports. */
export function readmeSteps(heading: string, adapt: (text: string) => string): readonly ReadmeStep[] {
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
  const section = readme.split(/^## /m).find((part) => part.startsWith(heading)) ?? '';
  const steps: ReadmeStep[] = [];
  for (const [, kind, block = ''] of adapt(section).matchAll(/^```(sh|text listen|text)\n([^]*?)^```$/gm)) {
    if (kind === 'sh') steps.push({ commands: block, prints: /^$/, listenerPrints: null });
    const last = steps.pop();
    if (!last) throw new Error('the README prints something before any command');
    if (kind === 'text') steps.push({ ...last, prints: new RegExp(`^${patternOf(block)}$`) });
    else if (kind === 'text listen') steps.push({ ...last, listenerPrints: new RegExp(patternOf(block)) });
    else steps.push(last);
  }
  return steps;
}

/** `…` stands for anything. */
const patternOf = (text: string): string =>
  text
    .trim()
    .split('…')
    .map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
    .join('[^]*?');
