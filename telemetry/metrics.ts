import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';

/**
 * Where every part registers what it counts: names `millrace_<part>_<thing>_<unit>[_total]`, labels for kinds, never for keys.
 * Asking twice for one name gives the same instrument, so a restarted part goes on counting.
 */
export interface Metrics {
  counter(name: string, help: string, labels?: readonly string[]): Counter;
  gauge(name: string, help: string, labels?: readonly string[]): Gauge;
  histogram(name: string, help: string, buckets: readonly number[], labels?: readonly string[]): Histogram;
  /** Prometheus text exposition format 0.0.4. */
  text(): Promise<string>;
}

/** A registry of its own: two services in one test do not share counts. */
export function createMetrics(options: { readonly processMetrics?: boolean } = {}): Metrics {
  const registry = new Registry();
  if (options.processMetrics) collectDefaultMetrics({ register: registry });
  const known = new Map<string, Counter | Gauge | Histogram>();
  const once = <T extends Counter | Gauge | Histogram>(name: string, make: () => T): T => {
    const found = (known.get(name) as T | undefined) ?? make();
    known.set(name, found);
    return found;
  };
  const shared = (name: string, help: string, labels: readonly string[]) => ({
    name,
    help,
    labelNames: [...labels],
    registers: [registry],
  });
  return {
    counter: (name, help, labels = []) => once(name, () => new Counter(shared(name, help, labels))),
    gauge: (name, help, labels = []) => once(name, () => new Gauge(shared(name, help, labels))),
    histogram: (name, help, buckets, labels = []) =>
      once(name, () => new Histogram({ ...shared(name, help, labels), buckets: [...buckets] })),
    text: () => registry.metrics(),
  };
}
