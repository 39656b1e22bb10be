import { benchIdle } from './idle.ts';

// `npm run bench -- <name> [options] --json`: one benchmark; its last line is one JSON object.
const benches: Readonly<Record<string, (args: readonly string[]) => Promise<unknown>>> = { idle: benchIdle };
const usage = `usage: npm run bench -- NAME [options] [--json]
  idle [--seconds S] [--window-s W] [--rate R]
        what npm start costs with the demo shop: CPU and memory of all its processes, after S seconds (300), over W seconds (60),
        at R events a second (200)
  --json  nothing but the last line`;

const [name = '', ...args] = process.argv.slice(2);
const bench = benches[name];
if (bench) {
  process.stdout.write(`${JSON.stringify(await bench(args))}\n`);
} else {
  process.stderr.write(`no benchmark ${name === '' ? 'was named' : `"${name}"`}\n${usage}\n`);
  process.exitCode = 2;
}
