/** Which windows an event time falls into. Windows are [startMs, endMs), aligned to 1970. */
export type WindowSpec = {
  readonly kind: 'tumbling';
  readonly sizeMs: number;
};

/** Start of the tumbling window that holds `timeMs`. */
export const tumblingStartMs = (sizeMs: number, timeMs: number): number => Math.floor(timeMs / sizeMs) * sizeMs;
