import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';

const bin = fileURLToPath(new URL('./millrace.mjs', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'millrace-cli-'));
afterAll(() => rmSync(folder, { recursive: true }));

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the command as a user would, with nothing of ours in the environment but `env`. */
function millrace(args: readonly string[], env: Record<string, string> = {}): Promise<Ended> {
  const own = Object.entries(process.env).filter(([name]) => !name.startsWith('MILLRACE_'));
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      [bin, ...args],
      { env: { ...Object.fromEntries(own), ...env } },
      (_, stdout, stderr) => {
        resolve({ code: child.exitCode ?? -1, stdout, stderr });
      },
    );
  });
}

function fileOf(name: string, yaml: string): string {
  const file = join(folder, name);
  writeFileSync(file, yaml);
  return file;
}

describe('exit codes', () => {
  test.each([[['--no-such']], [['start', '--no-such']], [['validate', 'surplus']], [['no-such-command']], [[]]])(
    'wrong usage %j exits 2 and says so on stderr',
    async (args) => {
      const { code, stdout, stderr } = await millrace(args);
      expect(code).toBe(2);
      expect(stdout).toBe('');
      expect(stderr).not.toBe('');
    },
  );

  test.each([['start'], ['validate'], ['doctor']])('%s --help exits 0 and shows examples', async (command) => {
    const { code, stdout } = await millrace([command, '--help']);
    expect(code).toBe(0);
    expect(stdout).toContain(`Examples:\n  millrace ${command}`);
  });

  test('a bad configuration exits 78 with each fault on a line of its own', async () => {
    const file = fileOf('bad.yaml', 'server:\n  port: x\nlog: { level: loud }\n');
    const { code, stderr } = await millrace(['validate', '--config', file]);
    expect(code).toBe(78);
    expect(stderr).toContain(`${file}:2:9 server.port: must be a number`);
    expect(stderr).toContain(`${file}:3:15 log.level: must be one of error, warn, info, debug`);
  });
});

describe('validate', () => {
  test('says that the shipped configuration is valid', async () => {
    const { code, stdout } = await millrace(['validate']);
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: expect.stringMatching(/config\/millrace\.yaml: valid, hash \w{16}\n$/),
    });
  });

  test('--json gives the faults as data, and warnings', async () => {
    const file = fileOf('json.yaml', 'server: { host: 0.0.0.0 }\n');
    const { code, stdout } = await millrace(['validate', '-c', file, '--json'], { MILLRACE_SERVER_PRT: '1' });
    expect(code).toBe(78);
    expect(JSON.parse(stdout)).toEqual({
      valid: false,
      file,
      hash: null,
      faults: [{ where: `${file}:1:17`, path: 'server.host', message: expect.stringContaining('server.apiKeyRefs') }],
      warnings: ['environment MILLRACE_SERVER_PRT is no option; did you mean MILLRACE_SERVER_PORT?'],
    });
  });

  test('MILLRACE_CONFIG names the file where no option does', async () => {
    const { code, stderr } = await millrace(['validate'], { MILLRACE_CONFIG: join(folder, 'none.yaml') });
    expect(code).toBe(78);
    expect(stderr).toContain('none.yaml: no such file');
  });
});

describe('doctor', () => {
  test('--json lists Node, both clients, the engine, ports, disk and build tools', async () => {
    const env = { MILLRACE_SERVER_PORT: '0', MILLRACE_EMBEDDED_CLICKHOUSE_PORT: '0' };
    const { stdout } = await millrace(['doctor', '--json'], env);
    const { checks } = JSON.parse(stdout) as { checks: { name: string; state: string }[] };
    expect(checks.map((check) => check.name)).toEqual([
      'Node',
      'configuration',
      'Kafka client node-rdkafka',
      'Kafka client confluent',
      'embedded ClickHouse chdb',
      'port 0 (page)',
      'port 0 (embedded ClickHouse)',
      'disk',
      'build tools',
    ]);
  });

  test('names who holds a busy port', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    const port = address !== null && typeof address === 'object' ? address.port : 0;
    const { code, stdout } = await millrace(['doctor'], { MILLRACE_SERVER_PORT: String(port) });
    server.close();
    expect(code).toBe(1);
    expect(stdout).toContain(`FAILED   port ${port} (page): busy`);
    if (process.platform === 'linux') expect(stdout).toContain(`(pid ${process.pid})`);
  });
});
