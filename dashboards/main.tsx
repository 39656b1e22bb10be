import { render } from 'preact';
import { App } from './app.tsx';
import { startLiveFeed } from './live-feed.ts';
import { startRouting } from './route.ts';
import { startTheme } from './theme.ts';

const place = document.getElementById('app');
if (!place) throw new Error('index.html has no #app');
startTheme();
startRouting();
startLiveFeed();
render(<App />, place);
