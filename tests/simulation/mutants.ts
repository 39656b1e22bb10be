import { judge } from '../../tasks/judge.ts';
import type { JudgeState } from '../../tasks/judge.ts';
import type { OrderRecord } from '../../tasks/contract.ts';
import type { TaskSeams } from '../../tasks/options.ts';
import { decodeOrderRecord } from '../../tasks/order-codec.ts';
import { createOrderReader } from '../../tasks/order-log.ts';
import type { LogRecord, OrderReader, OrderReaderOptions } from '../../tasks/order-log.ts';
import { createOutputs } from '../../tasks/outputs.ts';
import type { SentRecords } from './world.ts';

/** The rules, each broken by hand: a simulation that does not notice one of them proves nothing. */
export const mutants: Readonly<Record<string, (sent: SentRecords) => Partial<TaskSeams>>> = {
  'prev is not checked': () => ({
    judge: (state, record) => judge(state, record?.kind === 'entry' ? { ...record, prev: state.headId ?? '' } : record),
  }),
  'a claim names no predecessor': () => ({ judge: claimAnyway }),
  'an entry is folded before it is read back': (sent) => ({ createOrderReader: (options) => readEarly(options, sent) }),
  'a snapshot is saved before its outputs are acknowledged': () => ({
    createOutputs: (options) => ({ ...createOutputs(options), isAckedBefore: () => true }),
  }),
};

function claimAnyway(state: JudgeState, record: OrderRecord | null): ReturnType<typeof judge> {
  const isNew = record?.kind === 'claim' && record.id !== state.lastClaimId;
  return judge(state, isNew ? { ...record, replaces: state.lastClaimId } : record);
}

/** Gives what this process appended at once, as if it had come back already. */
function readEarly(options: OrderReaderOptions, sent: SentRecords): OrderReader {
  const inner = createOrderReader(options);
  const given = new Set<string>();
  let nextOffset = options.nextOffset;
  let taken = 0;
  const give = (record: LogRecord): LogRecord => {
    given.add(record.id);
    return { ...record, orderOffset: nextOffset++ };
  };
  const poll = (): LogRecord | null => {
    for (let record = inner.poll(); record; record = inner.poll()) if (!given.has(record.id)) return give(record);
    const own = sent(options.topicPartition.partition)[taken];
    if (!own) return null;
    taken++;
    const record = decodeOrderRecord(own);
    return record?.kind === 'entry' && !given.has(record.id)
      ? give({ orderOffset: 0n, id: record.id, record, appendTimeMs: null })
      : null;
  };
  return { ...inner, poll };
}
