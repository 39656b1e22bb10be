import type { Output, StreamBatch } from '../../streams/batch.ts';
import { type Stage, stageOf } from '../../streams/stage.ts';
import type { Bid } from './events.ts';

type Batches = Stage<StreamBatch<Bid>, StreamBatch<Bid>>;

const noState = { snapshot: () => null, restore: () => {}, counters: () => ({}) };

/** Processing time: a bid happens when it is folded, by the clock of the order log. */
export function onLoggedClock(): Batches {
  const apply = (batch: StreamBatch<Bid>): StreamBatch<Bid> => {
    const { clockMs } = batch.entry;
    const records = batch.records.map((record) => ({ ...record, event: { ...record.event, eventTimeMs: clockMs } }));
    const watermarkMs = new Float64Array(records.length).fill(clockMs);
    return { ...batch, records, watermarkMs, endWatermarkMs: clockMs, publishUpToMs: clockMs };
  };
  return stageOf({ apply, ...noState });
}

interface CountRow {
  readonly windowStartMs: number;
  readonly key: string;
  readonly state: string;
  readonly values: { readonly bids: number };
}

/** The auctions with the most bids of each window, from the counts by auction: all of a window's counts become final in one entry. */
export function hotItems(topic: string): Batches {
  const apply = (batch: StreamBatch<Bid>): StreamBatch<Bid> => {
    const hottest = new Map<number, { bids: number; auctions: number[] }>();
    const outputs: Output[] = [];
    for (const output of batch.outputs) {
      const { windowStartMs, key, state, values } = output.body as CountRow;
      if (output.topic !== topic || state !== 'final') continue;
      const known = hottest.get(windowStartMs);
      if (!known || values.bids > known.bids)
        hottest.set(windowStartMs, { bids: values.bids, auctions: [Number(key)] });
      else if (values.bids === known.bids) known.auctions.push(Number(key));
    }
    for (const [windowStartMs, { bids, auctions }] of hottest) {
      const body = { windowStartMs, bids, auctions: auctions.sort((a, b) => a - b) };
      outputs.push({ topic, key: 'hot', identity: `hot ${windowStartMs}`, body });
    }
    return { ...batch, outputs };
  };
  return stageOf({ apply, ...noState });
}
