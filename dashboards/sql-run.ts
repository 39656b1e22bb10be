import { signal } from '@preact/signals';
import { ask } from './ask.ts';

export interface SqlTable {
  readonly columns: readonly { readonly name: string; readonly type: string }[];
  readonly rows: readonly (readonly unknown[])[];
  readonly isTruncated: boolean;
  readonly elapsedMs: number;
  readonly rowsRead: number;
  readonly bytesRead: number;
}

export interface SqlProblem {
  /** ClickHouse's code and name, when it was ClickHouse that refused. */
  readonly code: number | null;
  readonly name: string;
  readonly message: string;
  readonly position: { readonly offset: number; readonly line: number; readonly column: number } | null;
}

export type SqlRun =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'running' }
  | { readonly kind: 'table'; readonly table: SqlTable }
  | { readonly kind: 'problem'; readonly problem: SqlProblem; readonly sql: string };

/** What became of the last question; it stays while the person looks at another page. */
export const sqlRun = signal<SqlRun>({ kind: 'nothing' });

let asked = 0;

/** Asks the server; an answer to an older question is dropped. */
export async function runSql(sql: string): Promise<void> {
  const own = (asked += 1);
  sqlRun.value = { kind: 'running' };
  const answer = await ask('v1/query', { sql });
  if (own !== asked) return;
  if (answer.kind === 'ok') sqlRun.value = { kind: 'table', table: answer.body as SqlTable };
  else {
    const { code, name, position } = (answer.body ?? {}) as Partial<SqlProblem>;
    const problem = { code: code ?? null, name: name ?? '', message: answer.message, position: position ?? null };
    sqlRun.value = { kind: 'problem', problem, sql };
  }
}
