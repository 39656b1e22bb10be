import type { JSX } from 'preact';
import { pages, page, type PageId } from './route.ts';
import { isDark, themeChoice } from './theme.ts';
import { ConnectionBanner, ConnectionBadge } from './connection.tsx';
import { FraudPage } from './fraud.tsx';
import { OverviewPage } from './overview.tsx';
import { PredictionsPage } from './predictions.tsx';
import { RecommendationsPage } from './recommendations.tsx';
import { SqlPage } from './sql.tsx';
import { SystemPage } from './system.tsx';

const contents: Readonly<Record<PageId, () => JSX.Element>> = {
  overview: OverviewPage,
  fraud: FraudPage,
  recommendations: RecommendationsPage,
  predictions: PredictionsPage,
  sql: SqlPage,
  system: SystemPage,
};

/** The whole page: header, connection banner, and the page that the address names. */
export function App() {
  const Content = contents[page.value];
  return (
    <>
      <a class="skip" href="#main" onClick={skipToMain}>
        Skip to content
      </a>
      <header class="top">
        <div class="top-inner">
          <a class="brand" href="#/">
            <img src="./icon.svg" alt="" width="26" height="26" />
            millrace
          </a>
          <Navigation />
          <div class="top-tools">
            <ConnectionBadge />
            <ThemeButton />
          </div>
        </div>
      </header>
      <ConnectionBanner />
      <main id="main" tabIndex={-1}>
        <Content />
      </main>
    </>
  );
}

/** The address after `#` names the page, so the link must not change it. */
function skipToMain(event: Event): void {
  event.preventDefault();
  document.getElementById('main')?.focus();
}

function Navigation() {
  return (
    <nav class="pages" aria-label="Pages">
      {pages.map(({ id, hash, name }) => (
        <a key={id} href={hash} aria-current={page.value === id ? 'page' : undefined}>
          {name}
        </a>
      ))}
    </nav>
  );
}

/** Changes between dark and light; the choice stays in this browser. */
function ThemeButton() {
  const dark = isDark();
  const label = dark ? 'Use light colours' : 'Use dark colours';
  return (
    <button
      type="button"
      class="icon-button"
      aria-label={label}
      title={label}
      onClick={() => (themeChoice.value = dark ? 'light' : 'dark')}
    >
      <svg
        width="17"
        height="17"
        viewBox="0 0 24 24"
        fill="none"
        stroke="currentColor"
        stroke-width="2"
        aria-hidden="true"
      >
        {dark ? (
          <>
            <circle cx="12" cy="12" r="4.5" />
            <path d="M12 2v2M12 20v2M2 12h2M20 12h2M5 5l1.4 1.4M17.6 17.6 19 19M5 19l1.4-1.4M17.6 6.4 19 5" />
          </>
        ) : (
          <path d="M20 14.5A8.5 8.5 0 0 1 9.5 4 8.5 8.5 0 1 0 20 14.5Z" />
        )}
      </svg>
    </button>
  );
}
