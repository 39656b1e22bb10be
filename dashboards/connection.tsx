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
  const text = sentence(connection.value);
  const isBad = connection.value.phase === 'refused';
  return (
    <div role="status" aria-live="polite" class={text === '' ? undefined : isBad ? 'banner is-bad' : 'banner'}>
      {text === '' ? null : <p>{text}</p>}
    </div>
  );
}

function sentence({ phase, detail }: ConnectionView): string {
  switch (phase) {
    case 'connecting':
    case 'connected':
      return '';
    case 'reconnecting':
      return 'The connection was lost. Trying again; the numbers below are the last received.';
    case 'resyncing':
      return 'Connected again after too long to go on from where it stopped: receiving everything anew.';
    case 'refused':
      return `The server refused this page${detail ? `: ${detail}` : ''}. It is not trying again; reload to do so.`;
  }
}
