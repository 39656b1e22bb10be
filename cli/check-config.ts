import { ConfigError, loadConfig } from '../config/load.ts';
import type { ConfigFault } from '../config/faults.ts';
import type { Config } from '../config/schema.ts';
import { readRules } from '../sources/rules/read-rules.ts';
import { expressionCheck, rulesFolder } from './start/rules-folder.ts';

/**
 * Everything that a start would refuse, found before its heavy parts are loaded: the configuration, and the rules in its folder.
 * Throws a `ConfigError` with every fault of the first kind found.
 */
export async function checkConfig(file: string | undefined, env: NodeJS.ProcessEnv): Promise<void> {
  const faults = await ruleFaults(loadConfig({ file, env }));
  if (faults.length > 0) throw new ConfigError(faults);
}

/** Faults of the rules that this configuration runs; none where fraud is off. */
export async function ruleFaults(config: Config): Promise<readonly ConfigFault[]> {
  if (!config.pipelines.fraud.enabled) return [];
  try {
    const { faults } = await readRules(rulesFolder(config), expressionCheck());
    return faults.map(toFault);
  } catch (error) {
    const message = `the folder of rules cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown'})`;
    return [{ where: rulesFolder(config), path: 'pipelines.fraud.rulesDir', message }];
  }
}

/** `file:line:column: path: message` in its parts. */
function toFault(text: string): ConfigFault {
  const [, where = '', message = text] = /^(.*?:\d+:\d+|[^:]*): (.*)$/s.exec(text) ?? [];
  return { where, path: '', message };
}
