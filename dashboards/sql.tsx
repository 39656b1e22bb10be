import { signal, useSignalEffect } from '@preact/signals';
import { useRef } from 'preact/hooks';
import { Card } from './parts.tsx';
import { sqlExamples, type SqlExample } from './sql-examples.ts';
import { ResultCard } from './sql-result.tsx';
import { runSql, sqlRun } from './sql-run.ts';
import { removeQuery, savedQueries, saveQuery } from './sql-saved.ts';

/** What stands in the editor; it stays while the person looks at another page. */
const draft = signal(sqlExamples[0]?.sql ?? '');

/** Questions to ClickHouse, reading only: ready-made ones, one's own, and the answer as a table. */
export function SqlPage() {
  return (
    <>
      <div class="page-head">
        <h1>SQL</h1>
        <p>ClickHouse, reading only. Times are UTC, money is in minor units</p>
      </div>
      <div class="grid">
        <QuestionsCard />
        <EditorCard />
        <ResultCard />
      </div>
    </>
  );
}

function choose({ sql }: SqlExample): void {
  draft.value = sql;
  void runSql(sql);
}

function QuestionsCard() {
  const saved = savedQueries.value;
  return (
    <Card id="questions" title="Questions" span="span-4">
      <div class="sql-list">
        <h3>Ready-made</h3>
        <ul>
          {sqlExamples.map((example) => (
            <li key={example.name}>
              <button type="button" onClick={() => choose(example)}>
                {example.name}
              </button>
            </li>
          ))}
        </ul>
        {saved.length === 0 ? null : <h3>Yours, in this browser</h3>}
        <ul>
          {saved.map((query) => (
            <li key={query.name}>
              <button type="button" onClick={() => choose(query)}>
                {query.name}
              </button>
              <button
                type="button"
                class="is-remove"
                aria-label={`Remove ${query.name}`}
                onClick={() => removeQuery(query.name)}
              >
                ✕
              </button>
            </li>
          ))}
        </ul>
      </div>
    </Card>
  );
}

function EditorCard() {
  const editor = useRef<HTMLTextAreaElement>(null);
  const isRunning = sqlRun.value.kind === 'running';
  // The caret goes to where the engine stumbled.
  useSignalEffect(() => {
    const run = sqlRun.value;
    if (run.kind !== 'problem' || run.problem.position === null || run.sql !== draft.peek()) return;
    const { offset } = run.problem.position;
    editor.current?.focus();
    editor.current?.setSelectionRange(offset, wordEnd(run.sql, offset));
  });
  const run = () => void runSql(draft.value);
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== 'Enter' || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    run();
  };
  const onSave = (event: SubmitEvent) => {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement;
    const name = new FormData(form).get('name');
    if (typeof name !== 'string' || name.trim() === '') return;
    saveQuery(name.trim(), draft.value);
    form.reset();
  };
  return (
    <Card id="editor" title="Statement" span="span-8" aside={<span class="soft">Ctrl + Enter runs it</span>}>
      <div class="sql-form">
        <textarea
          ref={editor}
          aria-labelledby="editor"
          spellcheck={false}
          autocapitalize="off"
          maxLength={65_536}
          value={draft.value}
          onInput={(event) => (draft.value = event.currentTarget.value)}
          onKeyDown={onKeyDown}
        />
        <div class="sql-bar">
          <button type="button" class="button is-first" disabled={isRunning} onClick={run}>
            {isRunning ? 'Running …' : 'Run'}
          </button>
          <form class="sql-bar is-end" onSubmit={onSave}>
            <label class="visually-hidden" for="save-name">
              Name to save it under
            </label>
            <input id="save-name" name="name" maxLength={100} placeholder="name" autocomplete="off" />
            <button type="submit" class="button">
              Save
            </button>
          </form>
        </div>
      </div>
    </Card>
  );
}

const wordEnd = (sql: string, offset: number): number => {
  const word = /^\w+/.exec(sql.slice(offset))?.[0] ?? ' ';
  return Math.min(sql.length, offset + word.length);
};
