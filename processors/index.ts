import type { AnyEvent } from '../events/catalog.ts';
import type { TimedEvent } from '../streams/batch.ts';
import { fraud, type FraudOptions } from './fraud/fraud.ts';
import { predictions, type PredictionsOptions } from './predictions/predictions.ts';
import type { Processor } from './processor.ts';
import { recommendations, type RecommendationsOptions } from './recommendations/recommendations.ts';
import { type RevenueOptions, revenue } from './revenue/revenue.ts';

/** Options of every processor, by its name. */
export interface ProcessorOptions {
  readonly revenue: RevenueOptions;
  readonly fraud: FraudOptions;
  readonly recommendations: RecommendationsOptions;
  readonly predictions: PredictionsOptions;
}

/** A pipeline can be made of any of these: it hands a processor only events of the types that it takes. */
export type AnyProcessor = Processor<AnyEvent>;

/** The processors that run, in the order in which the page shows them. */
export const processors = (options: ProcessorOptions): readonly AnyProcessor[] => [
  forAnyEvent(revenue(options.revenue)),
  forAnyEvent(fraud(options.fraud)),
  forAnyEvent(recommendations(options.recommendations)),
  forAnyEvent(predictions(options.predictions)),
];

/** `ofTypes` stands before every processor: no other event reaches it. */
const forAnyEvent = <E extends TimedEvent>(processor: Processor<E>): AnyProcessor =>
  processor as unknown as AnyProcessor;
