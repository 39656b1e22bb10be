import { createHistory, type History, type HistoryPoint } from './history.ts';

/**
 * A history that outlives a reload of the page (not the tab): kept in this tab's storage when the page is left. What happened while
 * the page was away was not received, so the line is broken there.
 */
export function storedHistory(name: string, options: { readonly spanMs: number; readonly gapMs: number }): History {
  const history = createHistory(options);
  const key = `millrace.history.${name}`;
  for (const point of readPoints(key)) if (point.value !== null) history.add(point.atMs, point.value);
  addEventListener('pagehide', () => {
    try {
      sessionStorage.setItem(key, JSON.stringify(history.points()));
    } catch {
      // storage full or switched off: the line begins anew
    }
  });
  return history;
}

function readPoints(key: string): HistoryPoint[] {
  try {
    const stored: unknown = JSON.parse(sessionStorage.getItem(key) ?? '[]');
    return Array.isArray(stored) ? stored.filter(isPoint) : [];
  } catch {
    return [];
  }
}

function isPoint(value: unknown): value is HistoryPoint {
  if (typeof value !== 'object' || value === null) return false;
  const { atMs, value: number } = value as { readonly atMs?: unknown; readonly value?: unknown };
  return Number.isFinite(atMs) && (number === null || Number.isFinite(number));
}
