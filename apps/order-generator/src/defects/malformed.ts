import { altered, anyEvent, damaged, type Defect, order } from './defect';

const MALFORMED = 'reject:structure.malformed_json';
const NESTING = 1_000;

const named = (what: string, weight = 1) => ({ name: `malformed.${what}`, expected: MALFORMED, weight }) as const;

/** Values that are not one JSON object in UTF-8. */
export const MALFORMED_DEFECTS: readonly Defect[] = [
  damaged(named('not_json'), anyEvent, () => ({ value: Buffer.from('order placed, see attachment') })),
  damaged(named('truncated', 2), anyEvent, ({ body }, { market: { rng } }) => {
    const json = JSON.stringify(body);
    return { value: Buffer.from(json.slice(0, rng.between(1, json.length - 1))) };
  }),
  damaged(named('array'), anyEvent, ({ body }) => ({ value: Buffer.from(JSON.stringify([body])) })),
  damaged(named('number'), anyEvent, () => ({ value: Buffer.from('42') })),
  damaged(named('deep_nesting'), anyEvent, () => ({
    value: Buffer.from('['.repeat(NESTING) + ']'.repeat(NESTING)),
  })),
  damaged(named('invalid_utf8'), anyEvent, ({ body }) => {
    const value = Buffer.from(JSON.stringify(body));
    // 0xff never occurs in UTF-8. The third last byte is inside the last string or number, never the closing brace.
    value[value.length - 3] = 0xff;
    return { value };
  }),
  altered(named('lone_surrogate'), anyEvent, (body) => ({ ...body, event_id: `${String(body.event_id)}\ud83d` })),
  // Two values under one name: which of them counts depends on the reader.
  damaged(named('repeated_name', 2), order, ({ body }) => ({
    value: Buffer.from(`${JSON.stringify(body).slice(0, -1)},"item_quantity":${String(body.item_quantity)}}`),
  })),
  damaged(named('repeated_name_escaped'), anyEvent, ({ body }) => ({
    value: Buffer.from(`{"occurred\\u005fat":"2026-01-01T00:00:00Z",${JSON.stringify(body).slice(1)}`),
  })),
  damaged(named('tombstone'), anyEvent, () => ({ value: null })),
  damaged(named('empty'), anyEvent, () => ({ value: Buffer.alloc(0) })),
];
