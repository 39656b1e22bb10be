import { effect, signal } from '@preact/signals';

/** `system` follows the machine's own setting. */
export type ThemeChoice = 'system' | 'light' | 'dark';

const storageKey = 'millrace.theme';
const darkQuery = matchMedia('(prefers-color-scheme: dark)');
const systemIsDark = signal(darkQuery.matches);

/** What the person chose; kept in this browser. */
export const themeChoice = signal<ThemeChoice>(storedChoice());

/** Whether the page is dark now; charts draw again when it changes. */
export const isDark = () => (themeChoice.value === 'system' ? systemIsDark.value : themeChoice.value === 'dark');

/** Keeps the page's colours at the choice, and the choice in storage. Call once. */
export function startTheme(): void {
  darkQuery.addEventListener('change', (event) => (systemIsDark.value = event.matches));
  effect(() => {
    document.documentElement.dataset['theme'] = isDark() ? 'dark' : 'light';
    try {
      localStorage.setItem(storageKey, themeChoice.value);
    } catch {
      // storage switched off: the choice lasts as long as the page
    }
  });
}

function storedChoice(): ThemeChoice {
  try {
    const stored = localStorage.getItem(storageKey);
    return stored === 'light' || stored === 'dark' ? stored : 'system';
  } catch {
    return 'system';
  }
}
