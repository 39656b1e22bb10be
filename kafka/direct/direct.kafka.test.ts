import { contractSuite } from '../contract-suite.ts';
import { poisonsReleasedMemory } from './memory-suite.ts';

poisonsReleasedMemory();
contractSuite('node-rdkafka', 'direct', 'real');
