import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';

/** The stored sample of an event type: a body as a producer sends it. */
export const sampleOf = (type: string): Readonly<Record<string, unknown>> =>
  JSON.parse(readFileSync(resolve(__dirname, `../samples/v1/${type}.json`), 'utf8')) as Readonly<
    Record<string, unknown>
  >;
