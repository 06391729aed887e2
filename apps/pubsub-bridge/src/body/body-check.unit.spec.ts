import { type Column, TABLES } from '@orderstream/contracts';
import { SUBSCRIPTION_METADATA } from '@orderstream/pubsub';

import { BodyCheck } from './body-check';

const metadata: ReadonlySet<string> = new Set(SUBSCRIPTION_METADATA);
const columns: readonly Column[] = (TABLES.streaming_orders?.columns ?? []).filter(({ name }) => !metadata.has(name));
const check = new BodyCheck(columns);
const problems = (body: unknown): unknown => check.problems(Buffer.from(JSON.stringify(body)));
const invalid = (path: string, constraint: string): unknown => [{ code: 'structure.invalid_field', path, constraint }];

describe('BodyCheck', () => {
  it('accepts a body whose fields are columns of the table, and null values', () => {
    const body = {
      event_id: 'e',
      event_type: 'order.placed',
      occurred_at: '2026-01-02T03:04:05.678Z',
      item_price: '12.50',
      item_quantity: 3,
      order_rating: null,
    };
    expect(problems(body)).toBeUndefined();
  });

  it.each<[string, Buffer | null, string]>([
    ['no value', null, 'isPresent'],
    ['bytes that are not UTF-8', Buffer.from([0x7b, 0xff, 0x7d]), 'isUtf8'],
    ['truncated JSON', Buffer.from('{"event_id":'), 'isJson'],
    ['an empty value', Buffer.alloc(0), 'isJson'],
    ['an array', Buffer.from('[]'), 'isObject'],
    ['null', Buffer.from('null'), 'isObject'],
  ])('rejects %s', (_, body, constraint) => {
    expect(check.problems(body)).toEqual([{ code: 'structure.malformed_json', constraint }]);
  });

  it.each<[string, string, string]>([
    ['{"no_such_column":1}', 'no_such_column', 'isKnownField'],
    ['{"message_id":"mine"}', 'message_id', 'isKnownField'],
    ['{"__proto__":{}}', '__proto__', 'isKnownField'],
    ['{"event_id":1}', 'event_id', 'isString'],
    ['{"event_id":"\\ud800"}', 'event_id', 'isWellFormed'],
    ['{"item_price":12.5}', 'item_price', 'isDecimalString'],
    ['{"item_price":"12,50"}', 'item_price', 'isDecimalString'],
    ['{"item_price":"0.1234567891"}', 'item_price', 'isDecimalString'],
    ['{"item_quantity":"3"}', 'item_quantity', 'isInt'],
    ['{"item_quantity":3.5}', 'item_quantity', 'isInt'],
    ['{"occurred_at":"yesterday"}', 'occurred_at', 'isTimestamp'],
    ['{"occurred_at":{}}', 'occurred_at', 'isTimestamp'],
  ])('rejects %s and names the field', (text, path, constraint) => {
    expect(check.problems(Buffer.from(text))).toEqual(invalid(path, constraint));
  });

  it('reports every problem of a body, in the order of its fields, up to 20', () => {
    const problem = (path: string, constraint: string): unknown => ({
      code: 'structure.invalid_field',
      path,
      constraint,
    });
    expect(problems({ x: 1, event_type: 'order.placed', event_id: 2 })).toEqual([
      problem('x', 'isKnownField'),
      problem('event_id', 'isString'),
    ]);
    const unknown = Array.from({ length: 50 }, (_, i) => `f${String(i)}`);
    expect(problems(Object.fromEntries(unknown.map((name) => [name, 1])))).toEqual(
      unknown.slice(0, 20).map((name) => problem(name, 'isKnownField')),
    );
  });
});
