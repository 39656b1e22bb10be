import { Card, Time } from './parts.tsx';
import { formatClock, formatCount } from './format.ts';
import type { ConnectionView } from './model.ts';

/** How this page is being told. */
export function ConnectionCard({ view }: { readonly view: ConnectionView }) {
  return (
    <Card id="live-connection" title="Live connection" span="span-4">
      <dl class="facts">
        <dt>State</dt>
        <dd>
          {view.phase} since <Time atMs={view.sinceMs} text={formatClock(view.sinceMs)} />
        </dd>
        <dt>Messages received</dt>
        <dd>{formatCount(view.messages)}</dd>
        <dt>Reconnects</dt>
        <dd>{formatCount(view.reconnects)}</dd>
        <dt>Resyncs</dt>
        <dd>{formatCount(view.resyncs)}</dd>
        <dt>Channels</dt>
        <dd>{view.channels.join(', ') || 'none yet'}</dd>
        {view.detail === null ? null : (
          <>
            <dt>Last said</dt>
            <dd>{view.detail}</dd>
          </>
        )}
      </dl>
    </Card>
  );
}
