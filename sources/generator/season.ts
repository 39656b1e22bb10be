// How busy the shop is at a time: quiet at night, a peak at noon and one in the evening, busier on Friday and Saturday. In UTC.

const hourFactors = [
  0.45, 0.35, 0.3, 0.3, 0.35, 0.5, 0.75, 0.95, 1.1, 1.2, 1.25, 1.35, 1.45, 1.35, 1.2, 1.15, 1.2, 1.3, 1.5, 1.6, 1.55,
  1.3, 0.95, 0.65,
] as const;
/** From Sunday. */
const dayFactors = [0.95, 0.9, 0.92, 0.95, 1, 1.15, 1.13] as const;

const meanHour = hourFactors.reduce((sum, factor) => sum + factor, 0) / 24;

/** 1 on average over a week; goes smoothly from hour to hour. */
export function seasonFactor(timeMs: number): number {
  const hours = timeMs / 3_600_000;
  const hour = Math.floor(hours) % 24;
  const here = hourFactors[hour] ?? 1;
  const next = hourFactors[(hour + 1) % 24] ?? 1;
  const day = dayFactors[new Date(timeMs).getUTCDay()] ?? 1;
  return ((here + (next - here) * (hours % 1)) / meanHour) * day;
}
