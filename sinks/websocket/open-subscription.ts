// From a subscribe message to a viewer: channel, rights, parameters, and whether it goes on from its token.
// Redelivery: a token that cannot be gone on from costs a resync and a snapshot, never a hole.
import type { ClientMessage, LiveErrorCode, ResyncReason } from '../../live/messages.ts';
import { mayRead, type Principal } from '../../live/principal.ts';
import type { Feed } from './feed.ts';
import { frameOf } from './frames.ts';
import type { Link } from './link.ts';
import { judgeToken } from './resume-token.ts';
import type { SessionHost } from './session.ts';
import { createViewer, type Viewer } from './viewer.ts';

export type OpenedSubscription =
  { readonly kind: 'opened' } | { readonly kind: 'refused'; readonly code: LiveErrorCode; readonly message: string };

export function openSubscription(
  host: SessionHost,
  link: Link,
  { id, channel: name, params, resume }: ClientMessage & { readonly kind: 'subscribe' },
  client: { readonly principal: Principal; readonly viewers: Map<number, Viewer> },
): OpenedSubscription {
  const { viewers, principal } = client;
  if (viewers.has(id)) return refused('already_subscribed', 'this id is in use');
  // Rights first: who may not read a channel does not learn whether it exists.
  if (!mayRead(principal, name)) return refused('forbidden_channel', 'the credential does not cover this channel');
  const channel = host.findChannel(name);
  if (!channel) return refused('unknown_channel', 'no such channel');
  const parsed = channel.parse(params ?? {});
  if (parsed.kind === 'bad') return refused('bad_params', parsed.why);
  const feed = host.feeds.find(channel, parsed.filter);
  for (const other of viewers.values())
    if (other.feed === feed) return refused('already_subscribed', 'this channel with these parameters is subscribed');

  const start = resume === undefined ? null : resumeAt(host.instance, feed, resume);
  const fromSeq = start?.kind === 'resumed' ? start.seq : null;
  const onConflate = (): void => host.metrics.conflations.inc();
  const { frameRowsMax } = host.limits;
  const viewer = createViewer({ id, feed, filter: parsed.filter, link, frameRowsMax, fromSeq, onConflate });
  viewers.set(id, viewer);
  host.feeds.join(viewer);
  link.send(frameOf({ kind: 'subscribed', id, feed: feed.number, mode: fromSeq === null ? 'snapshot' : 'resumed' }));
  if (start?.kind === 'resync') {
    host.metrics.resyncs.inc({ reason: start.reason });
    viewer.resync(start.reason);
  } else viewer.pump();
  return { kind: 'opened' };
}

type Start =
  { readonly kind: 'resumed'; readonly seq: number } | { readonly kind: 'resync'; readonly reason: ResyncReason };

function resumeAt(instance: string, { channel, filter }: Feed, token: string): Start {
  const judged = judgeToken(token, { instance, params: `${channel.name} ${filter.key}` });
  if (judged.kind === 'refused') return { kind: 'resync', reason: judged.reason };
  if (judged.generation !== channel.view.generation) return { kind: 'resync', reason: 'rebuilt' };
  if (!channel.view.canResume(judged.seq)) return { kind: 'resync', reason: 'too_old' };
  return { kind: 'resumed', seq: judged.seq };
}

const refused = (code: LiveErrorCode, message: string): OpenedSubscription => ({ kind: 'refused', code, message });
