import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { sqlExamples } from './sql-examples.ts';

const docs = readFileSync(new URL('../docs/sql.md', import.meta.url), 'utf8');

test('[J8][H4] the ready-made questions are the six documented ones, word for word: those are run by a test', () => {
  expect(sqlExamples).toHaveLength(6);
  for (const { name, sql } of sqlExamples) {
    expect(docs).toContain(`### ${name}\n`);
    expect(docs).toContain(`\`\`\`sql\n${sql}\n\`\`\``);
  }
});
