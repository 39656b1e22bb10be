import { createHash } from 'node:crypto';
import { stringify } from 'yaml';
import { crossFaults } from '../config/cross.ts';
import { ConfigError, faultsOfIssue, type ConfigFault, type PathFault } from '../config/faults.ts';
import { parseConfigFile, type ConfigFile } from '../config/file.ts';
import { listOptions } from '../config/options.ts';
import { configSchema, type Config } from '../config/schema.ts';
import { readRules, type RuleText, type ThresholdTexts } from '../sources/rules/read-rules.ts';
import { ruleFaults } from './check-config.ts';
import { rulesFolder } from './start/rules-folder.ts';

/** Everything that configures a millrace: every option as it is in effect, and the rules. Secrets are references. */
export interface Bundle {
  /** Without `rulesDir`: the rules themselves are here. */
  readonly config: Config;
  /** By name; the order of names. */
  readonly rules: Readonly<Record<string, Omit<RuleText, 'ruleId'>>>;
  readonly thresholds: ThresholdTexts | null;
}

const header = `# A configuration of millrace, written by \`millrace config export\`; \`millrace config import\` takes it.
# Every option that is in effect, and the rules. Secrets are references. Take the hash out when you change something.
`;

/** What this configuration and its rules come to. Throws a `ConfigError` with the faults of rules. */
export async function bundleOf(config: Config): Promise<Bundle> {
  const faults = await ruleFaults(config);
  if (faults.length > 0) throw new ConfigError(faults);
  const none = { rules: [], thresholds: null };
  // Their faults were told above; where fraud is off the folder need not be there.
  const { rules, thresholds } = await readRules(rulesFolder(config), () => null).catch(() => none);
  return {
    config: withoutRulesDir(config),
    rules: Object.fromEntries(rules.map(({ ruleId, ...rule }) => [ruleId, rule])),
    thresholds,
  };
}

/** The same for the same options and rules, wherever the files are: 16 hexadecimal digits of a SHA-256. */
export function hashOfBundle(bundle: Bundle): string {
  const { config, rules, thresholds } = sorted(bundle);
  return createHash('sha256')
    .update(JSON.stringify([config, rules, thresholds]))
    .digest('hex')
    .slice(0, 16);
}

/** As a YAML file: the same bundle gives the same bytes. */
export function textOfBundle(bundle: Bundle): string {
  const { config, rules, thresholds } = sorted(bundle);
  const content = { hash: hashOfBundle(bundle), config, rules, ...(thresholds && { thresholds }) };
  return `${header}${yamlText(content)}`;
}

/** YAML with nothing folded or shared. */
export const yamlText = (value: unknown): string => stringify(value, { lineWidth: 0, aliasDuplicateObjects: false });

/** Whether a file is a bundle, not a configuration file: it has a block `config`. */
export const isBundleText = (text: string): boolean => /^config:/m.test(text);

/**
 * Reads what `textOfBundle` wrote, or a person changed. What is left out has its default. Throws a `ConfigError` with every fault
 * of form; expressions of rules are not looked at.
 */
export function parseBundle(name: string, text: string): Bundle {
  const file = parseConfigFile(name, text, null);
  const { data } = file;
  if (data === null) throw new ConfigError(file.faults);
  const at = (faults: readonly PathFault[]): readonly ConfigFault[] => faults.map((fault) => placed(fault, file));
  const unknown = Object.keys(data).filter((key) => !['hash', 'config', 'rules', 'thresholds'].includes(key));
  const surplus = unknown.map((key) => ({
    path: [key],
    message: 'is no part of an exported configuration',
    isKey: true,
  }));
  const read = configSchema.safeParse(data['config'] ?? {});
  const options = listOptions();
  const issues = read.success ? [] : read.error.issues.flatMap((issue) => faultsOfIssue(issue, options));
  const below = (faults: readonly PathFault[]) => faults.map((one) => ({ ...one, path: ['config', ...one.path] }));
  const faults = [...surplus, ...below(read.success ? crossFaults(read.data) : issues), ...blockFaults(data)];
  if (!read.success || faults.length > 0) throw new ConfigError(at(faults));
  const { rules = {}, thresholds = null } = data as Partial<Bundle>;
  const bundle = sorted({ config: withoutRulesDir(read.data), rules, thresholds });
  const hash = hashOfBundle(bundle);
  if (data['hash'] !== undefined && data['hash'] !== hash)
    throw new ConfigError(
      at([
        {
          path: ['hash'],
          message: `what follows was changed, its hash is ${hash}: take this line out if that is meant`,
        },
      ]),
    );
  return bundle;
}

/** The names of rules become names of files. */
const ruleName = /^[\w.-]{1,64}$/;

function blockFaults(data: Readonly<Record<string, unknown>>): readonly PathFault[] {
  const isBlock = (value: unknown): boolean => typeof value === 'object' && value !== null && !Array.isArray(value);
  const faults: PathFault[] = [];
  for (const part of ['rules', 'thresholds'])
    if (data[part] !== undefined && !isBlock(data[part])) faults.push({ path: [part], message: 'must be a block' });
  for (const [name, rule] of Object.entries(isBlock(data['rules']) ? (data['rules'] as object) : {})) {
    if (!ruleName.test(name) || name.startsWith('.') || name === 'thresholds')
      faults.push({ path: ['rules', name], message: 'must be letters, digits, dashes', isKey: true });
    else if (!isBlock(rule)) faults.push({ path: ['rules', name], message: 'must be a block' });
  }
  return faults;
}

function placed({ path, message, isKey }: PathFault, file: ConfigFile): ConfigFault {
  return { where: file.where(path, isKey), path: path.map(String).join('.'), message };
}

function sorted(bundle: Bundle): Bundle {
  const rules = Object.entries(bundle.rules).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return { ...bundle, rules: Object.fromEntries(rules) };
}

function withoutRulesDir(config: Config): Config {
  const { pipelines } = config;
  return { ...config, pipelines: { ...pipelines, fraud: { ...pipelines.fraud, rulesDir: '' } } };
}
