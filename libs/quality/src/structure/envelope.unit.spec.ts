import type { RawRecord } from '../index';
import { TestPartition, placed, reasonsOf, recordOf } from '../../test/fixtures';

const without = (headers: RawRecord['headers'], name: string): RawRecord['headers'] =>
  Object.fromEntries(Object.entries(headers).filter(([header]) => header !== name));

describe('structure rules of the envelope', () => {
  it.each(['ce_id', 'ce_type', 'ce_source', 'ce_specversion'])('require the attribute %s', (name) => {
    const record = recordOf(placed());
    const code = 'structure.envelope_mismatch';
    expect(reasonsOf({ ...record, headers: without(record.headers, name) })).toEqual([
      { code, path: name, constraint: 'required: expected a value, found none' },
    ]);
    const twice = [Buffer.from('a'), Buffer.from('b')];
    expect(reasonsOf({ ...record, headers: { ...record.headers, [name]: twice } })).toEqual([
      { code, path: name, constraint: 'isSingle: expected one value, found several' },
    ]);
  });

  it.each(['ce_id', 'ce_type', 'ce_time'])('reject %s that disagrees with the body', (name) => {
    const record = recordOf(placed());
    const own = String(record.headers[name]);
    const code = 'structure.envelope_mismatch';
    expect(reasonsOf({ ...record, headers: { ...record.headers, [name]: Buffer.from('other') } })).toEqual([
      { code, path: name, constraint: `equalsBody: expected ${own}, found other` },
    ]);
    expect(reasonsOf({ ...record, headers: { ...record.headers, [name]: Buffer.from(`"${own}"`) } })).toEqual([
      { code, path: name, constraint: `isUnquoted: expected ${own}, found "${own}"` },
    ]);
  });

  it('name the zone of a ce_time that is not written as the contract has it', () => {
    const record = recordOf(placed({ occurred_at: '2026-03-01T11:59:59Z' }));
    const headers = { ...record.headers, ce_time: Buffer.from('2026-03-01T11:59:59+00:00') };
    expect(reasonsOf({ ...record, headers })[0]?.constraint).toBe(
      'equalsBody: expected 2026-03-01T11:59:59Z, found 2026-03-01T11:59:59+00:00',
    );
  });

  const fromSource = (source: Buffer | string): RawRecord => {
    const record = recordOf(placed());
    return { ...record, headers: { ...record.headers, ce_source: Buffer.from(source) } };
  };

  it.each<[string, Buffer | string, string]>([
    ['in quotes', '"/shop"', 'isUnquoted: expected /shop, found "/shop"'],
    ['of blanks', '   ', 'isUriReference: expected a URI reference (RFC 3986), found "   "'],
    ['with control characters', '/a\0\n', 'isUriReference: expected a URI reference (RFC 3986), found "/a\\u0000\\n"'],
    ['with an incomplete escape', '/a%2', 'isUriReference: expected a URI reference (RFC 3986), found "/a%2"'],
    [
      'with a character that is not ASCII',
      '/münchen',
      'isUriReference: expected a URI reference (RFC 3986), found "/münchen"',
    ],
    ['with a colon in the first segment', '1a:b', 'isUriReference: expected a URI reference (RFC 3986), found "1a:b"'],
    ['that is not UTF-8', Buffer.from([0x2f, 0xff, 0xfe]), 'isUtf8: expected UTF-8, found other bytes'],
    ['of 1,025 bytes', `/${'a'.repeat(1_024)}`, 'maxBytes: expected at most 1024 bytes, found 1025'],
  ])('reject a ce_source %s', (_, source, constraint) => {
    expect(reasonsOf(fromSource(source))).toEqual([
      { code: 'structure.envelope_mismatch', path: 'ce_source', constraint },
    ]);
  });

  it.each([
    '/shop',
    'shop',
    'urn:uuid:6e8bc430',
    'https://shop.example:8080/a/b?c=%20#d',
    '//host/x',
    '#a',
    `/${'a'.repeat(1_023)}`,
  ])('accept the ce_source %s', (source) => {
    expect(new TestPartition().evaluate(fromSource(source)).kind).toBe('accept');
  });

  it('take a header whose value is null for absent', () => {
    const record = recordOf(placed());
    const withHeaders = (headers: RawRecord['headers']): RawRecord => ({
      ...record,
      headers: { ...record.headers, ...headers },
    });
    const accepted = withHeaders({
      traceparent: null,
      baggage: [null, Buffer.from('a=1')],
      ce_time: null,
      ce_subject: [null],
    });
    expect(new TestPartition().evaluate(accepted)).toEqual({ kind: 'accept', flags: [] });
    expect(new TestPartition().evaluate(withHeaders({ ce_source: [null, Buffer.from('/shop')] })).kind).toBe('accept');
    for (const value of [null, [null], [null, null]]) {
      expect(reasonsOf(withHeaders({ ce_source: value }))).toEqual([
        {
          code: 'structure.envelope_mismatch',
          path: 'ce_source',
          constraint: 'required: expected a value, found none',
        },
      ]);
    }
  });

  it('accept a ce_time that is the same time in another notation, and a missing one', () => {
    const record = recordOf(placed({ occurred_at: '2026-03-01T11:59:59Z' }));
    const headers = { ...record.headers, ce_time: Buffer.from('2026-03-01T11:59:59.000Z') };
    expect(new TestPartition().evaluate({ ...record, headers }).kind).toBe('accept');
    expect(new TestPartition().evaluate({ ...record, headers: without(headers, 'ce_time') }).kind).toBe('accept');
  });
});
