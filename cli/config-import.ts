import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { ConfigError, loadConfig } from '../config/load.ts';
import { ruleFaults } from './check-config.ts';
import { bundleOf, hashOfBundle, yamlText, type Bundle } from './config-bundle.ts';
import { UsageError } from './options.ts';

export interface ImportOptions {
  /** The file that it came from, for messages. */
  readonly name: string;
  /** Where `millrace.yaml` and `rules/` go. */
  readonly folder: string;
  /** Write over what is there. */
  readonly isForced: boolean;
}

/** Files of this many digits and letters are rules. */
const isRule = (name: string): boolean => /\.ya?ml$/.test(name);

/**
 * Writes a bundle as the files that a start reads, and gives the path of `millrace.yaml`. Everything is written beside, loaded and
 * compared first: what does not come to the same hash is not put in place. Rules that the bundle does not have are removed. Throws
 * a `ConfigError` for rules that do not compile, a `UsageError` where files stand in the way.
 */
export async function importBundle(bundle: Bundle, { name, folder, isForced }: ImportOptions): Promise<string> {
  const target = resolve(folder);
  const rulesDir = join(target, 'rules');
  const file = join(target, 'millrace.yaml');
  const old = existsSync(rulesDir) ? (await readdir(rulesDir)).filter(isRule) : [];
  if (!isForced && (existsSync(file) || old.length > 0))
    throw new UsageError(`${target} has a configuration: --force writes over its millrace.yaml and rules`);
  await mkdir(rulesDir, { recursive: true });
  const staged = await mkdtemp(join(target, '.import-'));
  try {
    const names = await stage(bundle, staged, join(staged, 'rules'));
    await checkStaged(bundle, staged, name);
    await writeFile(join(staged, 'millrace.yaml'), yamlText(configWith(bundle, rulesDir)));
    for (const rule of names) await rename(join(staged, 'rules', rule), join(rulesDir, rule));
    for (const rule of old) if (!names.includes(rule)) await rm(join(rulesDir, rule));
    await rename(join(staged, 'millrace.yaml'), file);
    return file;
  } finally {
    await rm(staged, { recursive: true, force: true });
  }
}

async function stage(bundle: Bundle, folder: string, rulesDir: string): Promise<readonly string[]> {
  await mkdir(rulesDir);
  await writeFile(join(folder, 'millrace.yaml'), yamlText(configWith(bundle, rulesDir)));
  const texts = { ...bundle.rules, ...(bundle.thresholds && { thresholds: bundle.thresholds }) };
  const names: string[] = [];
  for (const [rule, text] of Object.entries(texts)) {
    names.push(`${rule}.yaml`);
    await writeFile(join(rulesDir, `${rule}.yaml`), yamlText(text));
  }
  return names;
}

/** Loaded as a start would, without the environment: it must come to what was imported. */
async function checkStaged(bundle: Bundle, staged: string, name: string): Promise<void> {
  const config = loadConfig({ file: join(staged, 'millrace.yaml'), env: {}, checkSecrets: false });
  const enabled = { ...config.pipelines, fraud: { ...config.pipelines.fraud, enabled: true } };
  const faults = await ruleFaults({ ...config, pipelines: enabled });
  const named = faults.map((fault) => ({ ...fault, where: fault.where.replace(staged, name) }));
  if (named.length > 0) throw new ConfigError(named);
  if (hashOfBundle(await bundleOf(config)) === hashOfBundle(bundle)) return;
  const message = `a value holds \${, which a configuration file replaces: give that one by the environment`;
  throw new ConfigError([{ where: name, path: '', message }]);
}

function configWith({ config }: Bundle, rulesDir: string): Bundle['config'] {
  const { pipelines } = config;
  return { ...config, pipelines: { ...pipelines, fraud: { ...pipelines.fraud, rulesDir } } };
}
