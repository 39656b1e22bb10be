import type { UserConfig } from 'vite';

/** Where `npx vite dashboards` looks for a running millrace. */
const devTarget = process.env['MILLRACE_DEV_TARGET'] ?? 'http://127.0.0.1:4700';

/**
 * How the page is bundled: everything local, nothing inlined, so that it runs under `default-src 'self'`.
 * The same object serves `npx vite dashboards` and `buildDashboard`.
 */
const config: UserConfig = {
  root: import.meta.dirname,
  base: './',
  publicDir: 'public',
  logLevel: 'warn',
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    target: ['chrome123', 'firefox120', 'safari17.5'], // the first with CSS light-dark()
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  server: {
    host: '127.0.0.1',
    fs: { allow: ['..'] }, // events/ and live/ are beside this folder
    proxy: { '/v1': { target: devTarget, ws: true, changeOrigin: true, headers: { origin: devTarget } } },
  },
};

export default config;
