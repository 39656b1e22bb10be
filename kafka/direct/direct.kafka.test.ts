import { contractSuite } from '../contract-suite.ts';

contractSuite('node-rdkafka', 'direct', 'real');
