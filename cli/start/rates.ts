/** How fast totals grow, over the last few seconds: a line that moves, not one that jumps. */
export interface Rates {
  /** Takes the total as of now and gives its growth per second since the oldest sample within the span; 0 at first. */
  perSecond(name: string, total: number, nowMs: number): number;
}

const spanMs = 5_000;

export function createRates(): Rates {
  const samples = new Map<string, { readonly atMs: number; readonly total: number }[]>();
  return {
    perSecond(name, total, nowMs) {
      const kept = (samples.get(name) ?? []).filter(({ atMs, total: then }) => atMs >= nowMs - spanMs && then <= total);
      const [oldest] = kept;
      kept.push({ atMs: nowMs, total });
      samples.set(name, kept);
      return oldest && nowMs > oldest.atMs ? ((total - oldest.total) * 1_000) / (nowMs - oldest.atMs) : 0;
    },
  };
}
