import { writeFileSync } from 'node:fs';
import { renderJsonSchema, renderYaml } from '../config/render.ts';

/** `npm run config`: writes what people and editors read about the options, from the schema. */
writeFileSync(new URL('../config/millrace.yaml', import.meta.url), renderYaml());
writeFileSync(new URL('../config/millrace.schema.json', import.meta.url), renderJsonSchema());
