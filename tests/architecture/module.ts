import ts from 'typescript';

/** One file of the tree as the rules see it. */
export interface Module {
  /** From the root, with forward slashes, e.g. `streams/watermark.ts`. */
  readonly path: string;
  readonly text: string;
  readonly lines: number;
  readonly imports: readonly Import[];
  readonly syntax: ts.SourceFile;
}

export interface Import {
  readonly specifier: string;
  readonly line: number;
  /** Gone once compiled: `import type`, `export type … from`, `import('…').T`. */
  readonly isTypeOnly: boolean;
}

/** A broken rule: where, and which. */
export interface Fault {
  readonly where: string;
  readonly message: string;
}

/** Tests, benchmarks, and contract suites that tests share. */
export const isTest = (path: string): boolean =>
  /\.(test|bench)\.tsx?$/.test(path) || /-suite(-[\w-]+)?\.ts$/.test(path) || path.startsWith('tests/');

/** Reads a file's text; nothing is resolved or checked by type. */
export function moduleOf(path: string, text: string): Module {
  const kind = path.endsWith('.tsx') ? ts.ScriptKind.TSX : /\.m?js$/.test(path) ? ts.ScriptKind.JS : ts.ScriptKind.TS;
  const syntax = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true, kind);
  return { path, text, lines: text.replace(/\n$/, '').split('\n').length, imports: importsOf(syntax), syntax };
}

export function lineOf(module: Pick<Module, 'syntax'>, node: ts.Node): number {
  return module.syntax.getLineAndCharacterOfPosition(node.getStart(module.syntax)).line + 1;
}

/** Calls `visit` for every node of the file. */
export function eachNode(syntax: ts.SourceFile, visit: (node: ts.Node) => void): void {
  const walk = (node: ts.Node): void => {
    visit(node);
    ts.forEachChild(node, walk);
  };
  walk(syntax);
}

function importsOf(syntax: ts.SourceFile): readonly Import[] {
  const found: Import[] = [];
  eachNode(syntax, (node) => {
    const specifier = specifierOf(node);
    if (specifier)
      found.push({ specifier: specifier.text, line: lineOf({ syntax }, node), isTypeOnly: isTypeOnly(node) });
  });
  return found;
}

function specifierOf(node: ts.Node): ts.StringLiteral | null {
  if ((ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) && node.moduleSpecifier)
    return ts.isStringLiteral(node.moduleSpecifier) ? node.moduleSpecifier : null;
  if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument))
    return ts.isStringLiteral(node.argument.literal) ? node.argument.literal : null;
  if (!ts.isCallExpression(node)) return null;
  const isLoading =
    node.expression.kind === ts.SyntaxKind.ImportKeyword ||
    (ts.isIdentifier(node.expression) && node.expression.text === 'require');
  const [argument] = node.arguments;
  return isLoading && argument && ts.isStringLiteral(argument) ? argument : null;
}

function isTypeOnly(node: ts.Node): boolean {
  if (ts.isImportTypeNode(node)) return true;
  if (ts.isExportDeclaration(node)) return node.isTypeOnly;
  if (!ts.isImportDeclaration(node) || !node.importClause) return false;
  const { isTypeOnly: isWhole, name, namedBindings } = node.importClause;
  if (isWhole) return true;
  if (name || !namedBindings || !ts.isNamedImports(namedBindings)) return false;
  return namedBindings.elements.length > 0 && namedBindings.elements.every((element) => element.isTypeOnly);
}
