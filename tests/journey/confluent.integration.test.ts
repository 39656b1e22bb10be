import { describeShortJourney } from './short-journey.ts';

describeShortJourney('confluent');
