import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { loadConfig } from '../config/load.ts';
import { bundleOf, hashOfBundle, parseBundle, textOfBundle, type Bundle } from './config-bundle.ts';
import { diffBundles, diffLine } from './config-diff.ts';
import { importBundle } from './config-import.ts';

const folder = mkdtempSync(join(tmpdir(), 'millrace-config-'));
afterAll(() => rmSync(folder, { recursive: true }));

const bin = fileURLToPath(new URL('./millrace.mjs', import.meta.url));
const shippedRules = fileURLToPath(new URL('../config/rules', import.meta.url));
const secret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;

/** Runs the command with this environment, and nothing else of ours in it. */
function millrace(args: readonly string[], env: Record<string, string> = {}) {
  const own = Object.entries(process.env).filter(([name]) => !name.startsWith('MILLRACE_'));
  return new Promise<{ code: number; stdout: string; stderr: string }>((resolve) => {
    const options = { env: { ...Object.fromEntries(own), ...env } };
    const child = execFile(process.execPath, [bin, ...args], options, (_, stdout, stderr) =>
      resolve({ code: child.exitCode ?? -1, stdout, stderr }),
    );
  });
}

/** A configuration of a file, an environment, a substituted value, a secret, and rules of its own. */
function ownConfig(): { readonly file: string; readonly env: Record<string, string> } {
  const rules = join(folder, 'own-rules');
  cpSync(shippedRules, rules, { recursive: true });
  rmSync(join(rules, 'impossible-travel.yaml'));
  const file = join(folder, 'own.yaml');
  writeFileSync(
    file,
    `kafka: { brokers: 'kafka:9092' }
clickhouse: { url: 'http://ch:8123', user: '\${CH_USER}', passwordRef: 'env:CH_PASSWORD' }
pipelines: { fraud: { rulesDir: '${rules}' }, revenue: { version: 2 } }
webhooks:
  endpoints:
    - { name: team, url: 'https://example.com/hook', secretRefs: ['env:HOOK_SECRET'], severityMin: high }
`,
  );
  const env = { CH_USER: 'reader', CH_PASSWORD: secret, HOOK_SECRET: secret, MILLRACE_LIMITS_KEYS_MAX: '5000' };
  return { file, env };
}

describe('millrace config', () => {
  test('[B9] exported, imported and exported again is the same, byte for byte, with the same hash wherever it is told', async () => {
    const { file, env } = ownConfig();
    const first = join(folder, 'first.yaml');
    expect(await millrace(['config', 'export', '--config', file, '--out', first], env)).toMatchObject({ code: 0 });
    const text = readFileSync(first, 'utf8');
    expect(text).not.toContain(secret.slice(-12));
    expect(text).toContain('passwordRef: env:CH_PASSWORD');
    expect(text).toContain('keysMax: 5000');
    expect(text).toContain('user: reader');
    expect(text).toContain('card-testing:');
    expect(text).not.toContain('impossible-travel');

    const to = join(folder, 'elsewhere');
    const imported = await millrace(['config', 'import', first, '--to', to]);
    expect(imported).toMatchObject({ code: 0, stderr: '' });
    expect(readdirSync(to).toSorted()).toEqual(['millrace.yaml', 'rules']);
    const secrets = { CH_PASSWORD: secret, HOOK_SECRET: secret };
    const again = await millrace(['config', 'export', '--config', join(to, 'millrace.yaml')], secrets);
    expect(again.stdout).toBe(text);

    const hash = /^hash: "?(\w{16})"?$/m.exec(text)?.[1];
    const at = ['--config', join(to, 'millrace.yaml')];
    expect(imported.stdout).toContain(`hash ${hash}`);
    expect(await millrace(['validate', '--config', file], env)).toEqual({
      ...{ code: 0, stdout: `${file}: valid, hash ${hash}\n`, stderr: '' },
    });
    expect(JSON.parse((await millrace(['validate', ...at, '--json'], secrets)).stdout)).toMatchObject({ hash });
    expect((await millrace(['doctor', ...at], secrets)).stdout).toContain(`hash ${hash}`);
  });

  test('[B9] diff names what is not the same, and ends with 1', async () => {
    const { file, env } = ownConfig();
    const before = join(folder, 'before.yaml');
    await millrace(['config', 'export', '--config', file, '--out', before], env);
    expect(await millrace(['config', 'diff', before, '--config', file], env)).toMatchObject({
      ...{ code: 0, stdout: 'no difference\n' },
    });
    const other = { ...env, MILLRACE_LIMITS_KEYS_MAX: '6000' };
    expect(await millrace(['config', 'diff', before, '--config', file], other)).toMatchObject({
      ...{ code: 1, stdout: '~ config.limits.keysMax: 5000 -> 6000\n' },
    });
  });
});

describe('an exported configuration', () => {
  const bundle = () => bundleOf(loadConfig({ file: undefined, env: {} }));

  test('[B9] is read back as it was written, whatever is in its texts', async () => {
    const shipped = await bundle();
    const odd = {
      ...(shipped.rules['card-testing'] as Bundle['rules'][string]),
      reason: 'a: \'b\' # "c"\n\ttwo é lines, {card_count_1m}  ',
    };
    const changed = { ...shipped, rules: { ...shipped.rules, odd } };
    const text = textOfBundle(changed);
    const back = parseBundle('x.yaml', text);
    expect(textOfBundle(back)).toBe(text);
    expect(back.rules['odd']).toEqual(odd);
  });

  test('[B9] gives another hash for a changed option, rule or threshold, and the difference is named', async () => {
    const shipped = await bundle();
    const { thresholds } = shipped;
    const rule = { ...shipped.rules['card-testing'], weight: 7 };
    const changes = [
      { ...shipped, config: { ...shipped.config, instances: 2 } },
      { ...shipped, rules: { ...shipped.rules, 'card-testing': rule } as typeof shipped.rules },
      { ...shipped, thresholds: thresholds && { ...thresholds, reviewScore: 1 } },
    ];
    expect(changes.map((changed) => diffBundles(shipped, changed).map(diffLine))).toEqual([
      ['~ config.instances: 1 -> 2'],
      ['~ rules.card-testing.weight: 85 -> 7'],
      ['~ thresholds.reviewScore: 50 -> 1'],
    ]);
    expect(new Set([shipped, ...changes].map(hashOfBundle)).size).toBe(4);
  });

  test('names every fault with line and column', async () => {
    const text = textOfBundle(await bundle());
    const faultsOf = (from: string | RegExp, to: string): unknown => {
      try {
        return parseBundle('x.yaml', text.replace(from, to));
      } catch (error) {
        return (error as Error).message;
      }
    };
    expect(faultsOf(/keysMax: \d+/, 'keysMax: 5')).toMatch(/^x\.yaml:\d+:\d+ hash: .* take this line out/);
    expect(faultsOf('instances: 1', 'instances: many')).toMatch(/^x\.yaml:\d+:\d+ config\.instances: /);
    expect(faultsOf('  card-testing:', '  ../escape:')).toMatch(/rules\.\.\.\/escape: must be letters/);
    expect(faultsOf(/$/, 'more: 1\n')).toMatch(/more: is no part/);
  });

  test('is not imported over another one unless told to, and takes away rules that it does not have', async () => {
    const shipped = await bundle();
    const to = join(folder, 'over');
    const options = { name: 'x.yaml', folder: to, isForced: false };
    await importBundle(shipped, options);
    await expect(importBundle(shipped, options)).rejects.toThrow('--force');
    const { 'card-testing': _gone, ...rules } = shipped.rules;
    await importBundle({ ...shipped, rules }, { ...options, isForced: true });
    expect(readdirSync(join(to, 'rules'))).not.toContain('card-testing.yaml');
    expect(readdirSync(join(to, 'rules'))).toContain('thresholds.yaml');
  });

  test('with a rule that does not compile, or a value that a file cannot hold, changes nothing', async () => {
    const shipped = await bundle();
    const to = join(folder, 'nothing');
    const options = { name: 'x.yaml', folder: to, isForced: true };
    await importBundle(shipped, options);
    const before = readFileSync(join(to, 'rules', 'card-testing.yaml'), 'utf8');
    const bad = { ...shipped.rules['card-testing'], expression: 'f.no_such > ' };
    const rules = { ...shipped.rules, 'card-testing': bad } as typeof shipped.rules;
    await expect(importBundle({ ...shipped, rules }, options)).rejects.toThrow(/x\.yaml\/rules\/card-testing\.yaml:1:/);
    const config = { ...shipped.config, clickhouse: { ...shipped.config.clickhouse, user: '${X:-y}' } };
    await expect(importBundle({ ...shipped, config }, options)).rejects.toThrow('a value holds ${');
    expect(readFileSync(join(to, 'rules', 'card-testing.yaml'), 'utf8')).toBe(before);
    expect(readdirSync(to).toSorted()).toEqual(['millrace.yaml', 'rules']);
  });
});
