import { giveApiKey } from './credential.ts';
import { startLiveFeed } from './live-feed.ts';
import { connection, type ConnectionView } from './model.ts';
import { Badge, type Tone } from './parts.tsx';

const phases: Record<ConnectionView['phase'], { readonly text: string; readonly tone: Tone }> = {
  connecting: { text: 'connecting', tone: 'plain' },
  connected: { text: 'live', tone: 'good' },
  reconnecting: { text: 'reconnecting', tone: 'warn' },
  resyncing: { text: 'resyncing', tone: 'warn' },
  refused: { text: 'refused', tone: 'bad' },
};

/** One word on the connection, always in the header. */
export function ConnectionBadge() {
  const { text, tone } = phases[connection.value.phase];
  return <Badge tone={tone}>{text}</Badge>;
}

/** A line under the header while what the page shows may be old. Screen readers hear it politely, and its end too. */
export function ConnectionBanner() {
  const view = connection.value;
  const text = sentence(view);
  const isRefused = view.phase === 'refused';
  return (
    <>
      <div role="status" aria-live="polite" class={text === '' ? undefined : isRefused ? 'banner is-bad' : 'banner'}>
        {text === '' ? null : <p>{text}</p>}
      </div>
      {isRefused ? <KeyForm /> : null}
    </>
  );
}

function sentence({ phase, detail }: ConnectionView): string {
  switch (phase) {
    case 'connected':
      return '';
    case 'connecting':
      return detail === null ? '' : `No connection to millrace yet (${detail}). Trying again.`;
    case 'reconnecting':
      return 'The connection was lost. Trying again; the numbers below are the last received.';
    case 'resyncing':
      return 'Connected again, receiving what was missed.';
    case 'refused':
      return `The server refused this page${detail ? `: ${detail}` : ''}.`;
  }
}

/** A server that is not only for this machine asks for an API key. */
function KeyForm() {
  const onSubmit = (event: SubmitEvent) => {
    event.preventDefault();
    const key = new FormData(event.currentTarget as HTMLFormElement).get('key');
    giveApiKey(typeof key === 'string' ? key : '');
    startLiveFeed();
  };
  return (
    <form class="key-form" onSubmit={onSubmit}>
      <label for="key">API key</label>
      <input id="key" name="key" type="password" autocomplete="off" required />
      <button type="submit">Connect</button>
    </form>
  );
}
