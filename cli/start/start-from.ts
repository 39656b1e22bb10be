import type { Admin } from '../../kafka/contract.ts';
import type { Source } from '../../sources/source.ts';
import type { StartFrom } from '../../tasks/partitions.ts';

/** Where a new task begins to read, as `tasks.startFrom` says it: a time is looked up in every partition, by the broker. */
export function startFromOf(
  option: string,
  { admin, inputs }: { readonly admin: Admin | null; readonly inputs: Pick<Source, 'bounds'> },
): StartFrom {
  if (option === 'earliest' || option === 'latest') return option;
  if (admin === null) throw new Error('tasks.startFrom: the embedded broker cannot look up a time');
  const timeMs = Date.parse(option);
  return async (tp) => (await admin.offsetAt(tp, timeMs)) ?? (await inputs.bounds(tp)).endOffset;
}
