import { readFileSync } from 'node:fs';
import { crossFaults, secretFaults } from './cross.ts';
import { ConfigError, faultsOfIssue, nearest, type ConfigFault, type PathFault } from './faults.ts';
import { parseConfigFile, type ConfigFile } from './file.ts';
import { coerce, listOptions, type Option } from './options.ts';
import { configSchema, type Config } from './schema.ts';

export { ConfigError } from './faults.ts';

export interface LoadOptions {
  /** A YAML file; none: defaults and the environment alone. */
  readonly file?: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** False: secrets need not be readable on this machine. Default true. */
  readonly checkSecrets?: boolean;
  /** Told about what is odd but no fault, e.g. an unknown `MILLRACE_…` variable. */
  readonly warn?: (message: string) => void;
}

/**
 * The configuration: environment over file over defaults. Throws a `ConfigError` with every fault found: those of form
 * first (unknown options, wrong types, limits), and once each option is right alone, those between options.
 */
export function loadConfig({ file, env, checkSecrets = true, warn = () => {} }: LoadOptions): Config {
  const options = listOptions();
  const parsed = file === undefined ? noFile : readConfigFile(file, env);
  if (parsed.data === null) throw new ConfigError(parsed.faults);
  const data = parsed.data;
  for (const option of options) if (parsed.substituted.has(option.path.join('.'))) coerceAt(data, option);
  const fromEnvironment = applyEnvironment(data, options, env);
  warnOfUnknown(env, options, warn);

  const locate = (fault: PathFault) => located(fault, parsed, fromEnvironment);
  const result = configSchema.safeParse(data);
  if (!result.success || parsed.faults.length > 0) {
    const issues = result.success ? [] : result.error.issues;
    throw new ConfigError([...parsed.faults, ...issues.flatMap((issue) => faultsOfIssue(issue, options)).map(locate)]);
  }
  const faults = [...crossFaults(result.data), ...(checkSecrets ? secretFaults(result.data, env) : [])];
  if (faults.length > 0) throw new ConfigError(faults.map(locate));
  return result.data;
}

const noFile: ConfigFile = { data: {}, faults: [], substituted: new Set(), where: () => 'defaults' };

function readConfigFile(file: string, env: LoadOptions['env']): ConfigFile {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    const message =
      code === 'ENOENT' ? 'no such file: check the path after --config' : `cannot be read (${code ?? 'unknown'})`;
    throw new ConfigError([{ where: file, path: '', message }]);
  }
  return parseConfigFile(file, text, env);
}

function applyEnvironment(data: Record<string, unknown>, options: readonly Option[], env: LoadOptions['env']) {
  const applied = new Map<string, string>();
  for (const option of options) {
    const value = env[option.environmentName];
    if (value === undefined) continue;
    const parent = parentOf(data, option.path, true);
    if (!parent) continue; // A block that is no block: the schema says so.
    parent[lastOf(option.path)] = coerce(option.type, value);
    applied.set(option.path.join('.'), option.environmentName);
  }
  return applied;
}

function coerceAt(data: Record<string, unknown>, option: Option): void {
  const parent = parentOf(data, option.path, false);
  const value = parent?.[lastOf(option.path)];
  if (parent && typeof value === 'string') parent[lastOf(option.path)] = coerce(option.type, value);
}

function parentOf(
  data: Record<string, unknown>,
  path: readonly string[],
  isMade: boolean,
): Record<string, unknown> | null {
  let at = data;
  for (const part of path.slice(0, -1)) {
    if (isMade && (at[part] === undefined || at[part] === null)) at[part] = {};
    const below = at[part];
    if (typeof below !== 'object' || below === null || Array.isArray(below)) return null;
    at = below as Record<string, unknown>;
  }
  return at;
}

function lastOf(path: readonly string[]): string {
  return path[path.length - 1] ?? '';
}

function located(fault: PathFault, file: ConfigFile, fromEnvironment: ReadonlyMap<string, string>): ConfigFault {
  const path = fault.path.filter((part) => typeof part === 'string').join('.');
  const variable = fromEnvironment.get(path);
  const where = variable === undefined ? file.where(fault.path, fault.isKey) : `environment ${variable}`;
  return { where, path: fault.path.map(String).join('.'), message: fault.message };
}

/** A warning only: orchestrators put variables of this form into every container beside a service called millrace. */
function warnOfUnknown(env: LoadOptions['env'], options: readonly Option[], warn: (message: string) => void): void {
  const known = options.map((option) => option.environmentName);
  const others = new Set(['MILLRACE_CONFIG', 'MILLRACE_CHROMIUM', 'MILLRACE_REQUIRE_ALL']);
  for (const name of Object.keys(env)) {
    if (!name.startsWith('MILLRACE_') || known.includes(name) || others.has(name)) continue;
    const guess = nearest(name, known);
    warn(`environment ${name} is no option${guess ? `; did you mean ${guess}?` : ''}`);
  }
}
