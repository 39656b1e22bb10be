import { readFile, writeFile } from 'node:fs/promises';
import { loadConfig } from '../config/load.ts';
import { bundleOf, hashOfBundle, isBundleText, parseBundle, textOfBundle, type Bundle } from './config-bundle.ts';
import { diffBundles, diffLine } from './config-diff.ts';
import { configFileOf } from './config-file.ts';
import { importBundle } from './config-import.ts';
import { exitCodes, UsageError } from './options.ts';

/** Runs `millrace config export`: the whole configuration as it is in effect, as one file. */
export async function runExport(
  { config, out }: { readonly config?: string; readonly out?: string },
  env: NodeJS.ProcessEnv,
): Promise<void> {
  const text = textOfBundle(await inEffect(config, env));
  if (out === undefined) process.stdout.write(text);
  else await writeFile(out, text);
}

/** Runs `millrace config import`. */
export async function runImport(
  file: string,
  { to, force }: { readonly to: string; readonly force?: boolean },
): Promise<void> {
  const bundle = parseBundle(file, await textOf(file));
  const written = await importBundle(bundle, { name: file, folder: to, isForced: force ?? false });
  process.stdout.write(`${written}: hash ${hashOfBundle(bundle)}; start with --config ${written}\n`);
}

/** Runs `millrace config diff`: exit 0 when both are the same, else 1. */
export async function runDiff(
  before: string,
  after: string | undefined,
  flags: { readonly config?: string; readonly json?: boolean },
  env: NodeJS.ProcessEnv,
): Promise<void> {
  const from = await ofFile(before);
  const found = diffBundles(from, after === undefined ? await inEffect(flags.config, env) : await ofFile(after));
  if (flags.json)
    process.stdout.write(`${JSON.stringify({ same: found.length === 0, differences: found }, null, 2)}\n`);
  else process.stdout.write(found.length === 0 ? 'no difference\n' : `${found.map(diffLine).join('\n')}\n`);
  if (found.length > 0) process.exitCode = exitCodes.failed;
}

async function inEffect(config: string | undefined, env: NodeJS.ProcessEnv): Promise<Bundle> {
  return bundleOf(loadConfig({ file: configFileOf(config, env), env, checkSecrets: false }));
}

/** An exported file, or a configuration file alone, without the environment. */
async function ofFile(file: string): Promise<Bundle> {
  const text = await textOf(file);
  return isBundleText(text) ? parseBundle(file, text) : bundleOf(loadConfig({ file, env: {}, checkSecrets: false }));
}

async function textOf(file: string): Promise<string> {
  return readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new UsageError(`${file} cannot be read (${error.code ?? 'unknown'})`);
  });
}
