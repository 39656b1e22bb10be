import { effect, signal } from '@preact/signals';

/** The pages that exist; each has its place in the address (`#/system`), its name in the navigation, and its title. */
export const pages = [
  { id: 'overview', hash: '#/', name: 'Overview' },
  { id: 'system', hash: '#/system', name: 'System' },
] as const;

export type PageId = (typeof pages)[number]['id'];

/** The page that the address names; Overview for any other address. */
export const page = signal<PageId>(pageOf(location.hash));

/** Follows the address, names the page in the title, and moves focus to the new page's heading, as a page load would. Call once. */
export function startRouting(): void {
  effect(() => {
    document.title = `${pages.find((known) => known.id === page.value)?.name} · millrace`;
  });
  addEventListener('hashchange', () => {
    page.value = pageOf(location.hash);
    scrollTo(0, 0);
    document.getElementById('main')?.focus({ preventScroll: true });
  });
}

function pageOf(hash: string): PageId {
  return pages.find((known) => known.hash === hash)?.id ?? 'overview';
}
