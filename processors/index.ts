import type { Payment } from '../events/payment.ts';
import type { Processor } from './processor.ts';
import { type RevenueOptions, revenue } from './revenue/revenue.ts';

/** Options of every processor, by its name. */
export interface ProcessorOptions {
  readonly revenue: RevenueOptions;
}

/** A pipeline can be made of any of these. */
export type AnyProcessor = Processor<Payment>;

/** The processors that run, in the order in which the page shows them. */
export const processors = (options: ProcessorOptions): readonly AnyProcessor[] => [revenue(options.revenue)];
