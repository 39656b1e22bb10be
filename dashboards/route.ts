import { computed, effect, signal } from '@preact/signals';

/** The pages that exist; each has its place in the address (`#/system`), its name in the navigation, and its title. */
export const pages = [
  { id: 'overview', hash: '#/', name: 'Overview' },
  { id: 'fraud', hash: '#/fraud', name: 'Fraud' },
  { id: 'recommendations', hash: '#/recommendations', name: 'Recommendations' },
  { id: 'predictions', hash: '#/predictions', name: 'Predictions' },
  { id: 'sql', hash: '#/sql', name: 'SQL' },
  { id: 'system', hash: '#/system', name: 'System' },
] as const;

export type PageId = (typeof pages)[number]['id'];

/** Where in the page the address points: its page, what follows (`['decisions', 'p-1']` of `#/fraud/decisions/p-1`), and its query. */
export interface Place {
  readonly page: PageId;
  readonly rest: readonly string[];
  readonly query: URLSearchParams;
}

/** The place that the address names; Overview for an address that names no page. */
export const place = signal<Place>(placeOf(location.hash));

/** The page of it. */
export const page = computed(() => place.value.page);

/** Follows the address, names the page in the title, and moves focus to the new page's heading, as a page load would. Call once. */
export function startRouting(): void {
  effect(() => {
    document.title = `${pages.find((known) => known.id === page.value)?.name} · millrace`;
  });
  addEventListener('hashchange', () => {
    place.value = placeOf(location.hash);
    scrollTo(0, 0);
    document.getElementById('main')?.focus({ preventScroll: true });
  });
}

/** The address of a place within a page: each part is escaped. */
export function hashOf(pageId: PageId, rest: readonly string[], query: Readonly<Record<string, string>> = {}): string {
  const base = pages.find(({ id }) => id === pageId)?.hash ?? '#/';
  const asked = new URLSearchParams(query).toString();
  return [base, ...rest.map(encodeURIComponent)].join('/') + (asked && `?${asked}`);
}

function placeOf(hash: string): Place {
  const [path = '', asked = ''] = hash.replace(/^#\/?/, '').split('?', 2);
  const [first = '', ...rest] = path.split('/').map(decoded);
  const known = pages.find(({ hash: base }) => base === `#/${first}`);
  return known
    ? { page: known.id, rest, query: new URLSearchParams(asked) }
    : { page: 'overview', rest: [], query: new URLSearchParams() };
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
