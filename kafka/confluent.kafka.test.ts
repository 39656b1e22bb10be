import { contractSuite } from './contract-suite.ts';

contractSuite('confluent', 'client', 'real');
