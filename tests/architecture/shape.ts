import ts from 'typescript';
import { eachNode, isTest, lineOf, type Fault, type Module } from './module.ts';

const fileLinesMax = 300;
const functionLinesMax = 70;
/** Files that must fit a screen or two. */
const screens: Readonly<Record<string, number>> = { 'main.ts': 100, 'pipeline.ts': 80 };

/** Files and functions that have grown too long; tests excepted. */
export function lengthFaults(module: Module): readonly Fault[] {
  if (isTest(module.path)) return [];
  const faults: Fault[] = [];
  const linesMax = screens[module.path] ?? fileLinesMax;
  if (module.lines > linesMax)
    faults.push({ where: module.path, message: `${module.lines} lines: at most ${linesMax}` });
  eachNode(module.syntax, (node) => {
    if (!ts.isFunctionLike(node) || !('body' in node) || !node.body) return;
    const first = lineOf(module, node);
    const length = module.syntax.getLineAndCharacterOfPosition(node.getEnd()).line + 2 - first;
    if (length > functionLinesMax)
      faults.push({
        where: `${module.path}:${first}`,
        message: `a function of ${length} lines: at most ${functionLinesMax}`,
      });
  });
  return faults;
}

/** Wall time and chance are handed in: only these read them themselves, each for a reason. */
const clockEdges: readonly RegExp[] = [
  /^telemetry\/clock\.ts$/, // The one clock.
  /^cli\//, // Commands that a person runs.
  /^embedded\/[\w-]+-child\.ts$/, // Main files of child processes.
  /^scripts\//,
  /^bench\//,
  /^dashboards\//, // The page, whose clock is the browser's.
];

/** `Date.now()`, `new Date()`, `Math.random()` and `performance.now()` outside the clock and the edges; tests excepted. */
export function clockFaults(module: Module): readonly Fault[] {
  if (isTest(module.path) || clockEdges.some((edge) => edge.test(module.path))) return [];
  const faults: Fault[] = [];
  eachNode(module.syntax, (node) => {
    const used = clockUse(node);
    if (used)
      faults.push({
        where: `${module.path}:${lineOf(module, node)}`,
        message: `${used}: time and chance are handed in`,
      });
  });
  return faults;
}

function clockUse(node: ts.Node): string | null {
  if (ts.isNewExpression(node) && node.expression.getText() === 'Date' && !node.arguments?.length) return 'new Date()';
  if (!ts.isPropertyAccessExpression(node)) return null;
  const text = node.getText().replace(/^globalThis\./, '');
  return ['Date.now', 'Math.random', 'performance.now'].includes(text) ? `${text}()` : null;
}

/** Files where a reader must know at once what for, which guarantee, what redelivery does. */
const needsHeader = /^(streams|sources|sinks|processors)\/.*\.ts$/;
/** A small file says it in a line or two; one that takes a screen or more says all three. */
const headerLinesMin = (module: Module): number => (module.lines > 100 ? 3 : 1);

/** Files of streams, sources, sinks and processors open (before or right after their imports) with what they are for. */
export function headerFaults(module: Module): readonly Fault[] {
  if (isTest(module.path) || !needsHeader.test(module.path)) return [];
  const top = commentLines(module, 0);
  const first = module.syntax.statements.find((statement) => !ts.isImportDeclaration(statement));
  const afterImports = first ? commentLines(module, first.getFullStart()) : 0;
  const lines = Math.max(top, afterImports);
  const linesMin = headerLinesMin(module);
  if (lines >= linesMin) return [];
  return [{ where: `${module.path}:1`, message: `opens with ${lines} lines of comment: at least ${linesMin}` }];
}

/** `x!` claims what the compiler cannot see: the same line says why. Tests excepted. */
export function assertionFaults(module: Module): readonly Fault[] {
  if (isTest(module.path)) return [];
  const lines = module.text.split('\n');
  const faults: Fault[] = [];
  eachNode(module.syntax, (node) => {
    if (!ts.isNonNullExpression(node)) return;
    const line = module.syntax.getLineAndCharacterOfPosition(node.getEnd()).line;
    if (!lines[line]?.includes('//'))
      faults.push({ where: `${module.path}:${line + 1}`, message: '`!` without a reason on its line' });
  });
  return faults;
}

/** Names that say nothing, and files that only pass on. */
export function namingFaults(module: Module): readonly Fault[] {
  const faults: Fault[] = [];
  if (/(^|\/)(utils?|helpers?|common|misc)(\/|\.tsx?$)/.test(module.path))
    faults.push({ where: module.path, message: 'a name that says nothing: call it after what it exports' });
  const { statements } = module.syntax;
  if (
    statements.length > 1 &&
    statements.every((statement) => ts.isExportDeclaration(statement) && statement.moduleSpecifier)
  )
    faults.push({ where: module.path, message: 'a barrel: import from the files themselves' });
  return faults;
}

/** Lines of text in the comments that stand at `position`. */
function commentLines(module: Module, position: number): number {
  const ranges = ts.getLeadingCommentRanges(module.text, position) ?? [];
  const lines = ranges.flatMap(({ pos, end }) => module.text.slice(pos, end).split('\n'));
  return lines.filter((line) => /[A-Za-z]{2}/.test(line)).length;
}
