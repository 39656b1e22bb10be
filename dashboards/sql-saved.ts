import { signal } from '@preact/signals';
import type { SqlExample } from './sql-examples.ts';

const storageKey = 'millrace.sql';
/** Questions kept; the oldest go. */
const savedMax = 100;

/** Questions that the person kept, the newest first; they stay in this browser. */
export const savedQueries = signal<readonly SqlExample[]>(stored());

/** Keeps a question; one of the same name is replaced. */
export function saveQuery(name: string, sql: string): void {
  write([{ name, sql }, ...savedQueries.value.filter((saved) => saved.name !== name)].slice(0, savedMax));
}

export function removeQuery(name: string): void {
  write(savedQueries.value.filter((saved) => saved.name !== name));
}

function write(next: readonly SqlExample[]): void {
  savedQueries.value = next;
  try {
    localStorage.setItem(storageKey, JSON.stringify(next));
  } catch {
    // storage full or switched off: kept as long as the page
  }
}

function stored(): readonly SqlExample[] {
  try {
    const read: unknown = JSON.parse(localStorage.getItem(storageKey) ?? '[]');
    return Array.isArray(read) ? read.filter(isExample) : [];
  } catch {
    return [];
  }
}

function isExample(value: unknown): value is SqlExample {
  const { name, sql } = (value ?? {}) as { readonly name?: unknown; readonly sql?: unknown };
  return typeof name === 'string' && typeof sql === 'string';
}
