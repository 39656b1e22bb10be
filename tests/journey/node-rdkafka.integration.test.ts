import { describeShortJourney } from './short-journey.ts';

describeShortJourney('node-rdkafka');
