import { CE, CE_SPECVERSION, MAX_SOURCE_BYTES } from '@orderstream/contracts';
import { partitionFor, type RecordHeaders } from '@orderstream/kafka';

import { json, type Poison, type ValidEvent } from './poison-events';

const NO_UTF8 = Buffer.of(0xff, 0xfe);
const RENAMED = 'x-name-of-bytes';
const REPEATED = 40;

/** The headers of the event and others. A value may be null, which kafkajs has no type for. */
const withHeaders = (
  { headers }: ValidEvent,
  others: Readonly<Record<string, string | Buffer | null | readonly (string | Buffer | null)[]>>,
): RecordHeaders => ({ ...headers, ...others }) as RecordHeaders;

const rejected = (kind: string, reason: string, others: Parameters<typeof withHeaders>[1]): Poison => ({
  kind,
  reason: `structure.${reason}`,
  alter: (valid) => ({ value: json(valid.body), headers: withHeaders(valid, others) }),
});

const accepted = (kind: string, others: Parameters<typeof withHeaders>[1]): Poison => ({
  kind,
  reason: undefined,
  alter: (valid) => ({ value: json(valid.body), headers: withHeaders(valid, others) }),
});

/** Headers that no producer of the marketplace sends. Those that every path can carry must be accepted. */
export const HEADER_KINDS: readonly Poison[] = [
  rejected('required header of null', 'envelope_mismatch', { [CE.id]: null }),
  rejected('repeated required header', 'envelope_mismatch', { [CE.specversion]: [CE_SPECVERSION, CE_SPECVERSION] }),
  rejected('source of other bytes', 'envelope_mismatch', { [CE.source]: NO_UTF8 }),
  rejected('source with NUL', 'envelope_mismatch', { [CE.source]: '/poison\u0000\n' }),
  rejected('source in quotes', 'envelope_mismatch', { [CE.source]: '"/poison"' }),
  rejected('source of blanks', 'envelope_mismatch', { [CE.source]: '   ' }),
  rejected('long source', 'envelope_mismatch', { [CE.source]: `/${'x'.repeat(MAX_SOURCE_BYTES)}` }),
  rejected('headers of 70 kB', 'too_large', { 'x-large': Buffer.alloc(70_000, 'x') }),
  rejected('3,000 headers', 'too_large', { 'x-many': Array<string>(3_000).fill('0123456789') }),
  {
    kind: 'key of other bytes',
    reason: 'structure.key_mismatch',
    alter: ({ body }) => ({ key: NO_UTF8, partition: partitionFor(NO_UTF8), value: json(body) }),
  },
  accepted('optional headers of null', {
    [CE.subject]: null,
    [CE.time]: null,
    [CE.contentType]: null,
    [CE.traceparent]: null,
    'x-null': null,
  }),
  accepted('repeated header with null', { baggage: [null, 'a=1'] }),
  accepted('40 repeated headers', { 'x-repeated': Array.from({ length: REPEATED }, (_, index) => String(index)) }),
  accepted('headers of other bytes', { 'x-bytes': NO_UTF8, 'x-nul': 'a\u0000b', traceparent: NO_UTF8 }),
  accepted('header of 60 kB', { 'x-large': Buffer.alloc(60_000, 'x') }),
  {
    kind: 'header whose name is of other bytes',
    reason: undefined,
    alter: (valid) => ({
      value: json(valid.body),
      headers: withHeaders(valid, { [RENAMED]: 'x' }),
      renamed: [RENAMED, Buffer.alloc(RENAMED.length, NO_UTF8)],
    }),
  },
];
