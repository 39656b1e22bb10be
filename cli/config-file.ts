import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Which file the configuration comes from: `--config`, else `MILLRACE_CONFIG`, else `config/millrace.yaml` of this clone. */
export function configFileOf(option: string | undefined, env: NodeJS.ProcessEnv): string | undefined {
  if (option !== undefined) return option;
  if (env['MILLRACE_CONFIG']) return env['MILLRACE_CONFIG'];
  const own = fileURLToPath(new URL('../config/millrace.yaml', import.meta.url));
  return existsSync(own) ? own : undefined;
}
