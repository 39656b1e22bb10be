import { createDecoder, type EventDecoder } from '../../events/compiled/decoder.ts';
import type { Processor } from '../../processors/processor.ts';
import type { Metrics } from '../../telemetry/metrics.ts';

/** So many records are decoded between two looks at the counts. */
const TOLD_EVERY = 1_024;

/** The decoder of one task: compiled for the layouts that it sees, with only the fields that the processor reads; see `lends`. */
export function decoderOf(
  { name: pipeline, fieldsRead }: Pick<Processor<never>, 'name' | 'fieldsRead'>,
  { metrics, ...options }: { readonly metrics?: Metrics | undefined; readonly lends?: boolean } = {},
): EventDecoder['decode'] {
  const decoder = createDecoder({ readAscii, fieldsRead, ...options });
  if (!metrics) return (bytes, start, end) => decoder.decode(bytes, start, end);
  const decoded = metrics.counter(
    'millrace_decode_records_total',
    'Records decoded, by way: compiled for their layout, or parsed.',
    ['pipeline', 'way'],
  );
  const told = { compiled: 0, parsed: 0 };
  const tell = (): void => {
    const counts = decoder.counts();
    for (const way of ['compiled', 'parsed'] as const) {
      decoded.inc({ pipeline, way }, counts[way] - told[way]);
      told[way] = counts[way];
    }
  };
  let untold = 0;
  return (bytes, start, end) => {
    if (++untold === TOLD_EVERY) {
      untold = 0;
      tell();
    }
    return decoder.decode(bytes, start, end);
  };
}

const { latin1Slice } = Buffer.prototype;
/** Bytes of ASCII as a string of its own. */
export const readAscii = (bytes: Uint8Array, start: number, end: number): string => latin1Slice.call(bytes, start, end);
