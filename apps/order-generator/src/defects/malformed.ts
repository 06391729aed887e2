import { altered, anyEvent, damaged, type Defect } from './defect';

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
  damaged(named('tombstone'), anyEvent, () => ({ value: null })),
  damaged(named('empty'), anyEvent, () => ({ value: Buffer.alloc(0) })),
];
