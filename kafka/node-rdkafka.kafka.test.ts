import { contractSuite } from './contract-suite.ts';

contractSuite('node-rdkafka', 'client', 'real');
