// What a channel is to the gateway: a name, a view, and what its parameters mean. A new kind of channel is one more of these;
// neither the protocol nor the sessions change.
import type { LiveRow } from '../../live/messages.ts';
import type { LiveView } from './live-view.ts';

export interface Channel {
  readonly name: string;
  readonly view: LiveView;
  parse(params: Readonly<Record<string, unknown>>): ParsedParams;
}

export type ParsedParams =
  | { readonly kind: 'ok'; readonly filter: ChannelFilter }
  /** `why` is for the client's developer. */
  | { readonly kind: 'bad'; readonly why: string };

export interface ChannelFilter {
  /** Equal for parameters that give the same deltas: those subscribers share their frames. */
  readonly key: string;
  matches(row: LiveRow): boolean;
  /** Narrows the snapshot further; asked once for each snapshot. */
  snapshotFilter?(): (row: LiveRow) => boolean;
}

/** For channels without parameters. */
export function parseNoParams(params: Readonly<Record<string, unknown>>): ParsedParams {
  const [first] = Object.keys(params);
  if (first !== undefined) return { kind: 'bad', why: 'this channel has no parameters' };
  return { kind: 'ok', filter: { key: '', matches: () => true } };
}
