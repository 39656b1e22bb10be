import type { Keeper } from './keeper.ts';
import type { LogRecord, OrderReader } from './order-log.ts';
import type { TermControl } from './owner.ts';
import type { Applied } from './replica.ts';
import type { TermOptions, TermView } from './term.ts';

export interface CatchUpOptions extends Pick<TermOptions, 'service' | 'shard' | 'wake' | 'commit'> {
  readonly control: TermControl;
  readonly onApplied: (logRecord: LogRecord, applied: Applied) => void;
  /** The log was followed up to now. */
  readonly hasFollowed: boolean;
}

export interface CatchUpParts extends TermView {
  readonly reader: OrderReader;
  readonly keeper: Pick<Keeper, 'tick'>;
}

/** Folds the log as far as it went when asked; everything since is read after the claim anyway. False: told to stop meanwhile. */
export async function catchUp(options: CatchUpOptions, parts: CatchUpParts): Promise<boolean> {
  const { control, wake, service } = options;
  const { replica, outputs, reader, keeper } = parts;
  const endOffset = await endOf(options, reader);
  while (replica.nextOffset() < endOffset) {
    if (control.isStopped() || control.isDraining()) return false;
    const failure = outputs.failure();
    if (failure) throw failure;
    const logRecord = outputs.hasRoom() ? reader.poll() : null;
    if (!logRecord) {
      await wake.wait(waitMs);
      continue;
    }
    const applied = await replica.apply(logRecord);
    outputs.push(logRecord.orderOffset, applied.outputs);
    options.onApplied(logRecord, applied);
    const nowMs = service.clock.nowMs();
    keeper.tick(nowMs);
    options.commit(parts, nowMs);
  }
  return !control.isStopped() && !control.isDraining();
}

const waitMs = 250;

/** Who has followed heard it with the last fetch, and need not ask. */
async function endOf({ service, shard, hasFollowed }: CatchUpOptions, reader: OrderReader): Promise<bigint> {
  const heard = hasFollowed ? reader.endOffset() : -1n;
  if (heard >= 0n) return heard;
  return (await service.order.bounds({ topic: service.orderTopic, partition: shard })).endOffset;
}
