import { headerFields } from '@orderstream/kafka';
import fc from 'fast-check';
import { letterOf, placed } from '../../test/order-events';
import { editRecord, type JsonPatch, patchProblems } from './edit';

const letter = letterOf(placed('1', { item_price: '-12.90' }), 'structure.invalid_field', 7);
const record = { identity: 'validator\nraw\n4\n7\n1', value: letter.value, headers: letter.headers };
const price: JsonPatch = [{ op: 'replace', path: '/item_price', value: '12.90' }];

describe('the edit of a record', () => {
  it('is a new event with the patched body, caused by the old one', () => {
    const edit = editRecord(record, price, 'orders');
    if ('problem' in edit) throw new Error(edit.problem);
    const body = JSON.parse(String(edit.value)) as Record<string, unknown>;
    expect(body).toEqual({ ...placed('1'), event_id: body.event_id });
    expect(body.event_id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    const headers = new Map(headerFields(edit.headers).map(([name, value]) => [name, String(value)]));
    expect(headers.get('ce_id')).toBe(body.event_id);
    expect(headers.get('ce_causationid')).toBe('placed-1');
    expect(edit.editedFrom).not.toBe(edit.editedTo);
  });

  it('has the same id whenever it is made, and another for another letter or patch', () => {
    const idOf = (identity: string, patch: JsonPatch): string => {
      const edit = editRecord({ ...record, identity }, patch, 'orders');
      if ('problem' in edit) throw new Error(edit.problem);
      return (JSON.parse(String(edit.value)) as { event_id: string }).event_id;
    };
    fc.assert(
      fc.property(fc.string(), fc.string(), (one, other) => {
        expect(idOf(one, price)).toBe(idOf(one, price));
        expect(idOf(one, price) === idOf(other, price)).toBe(one === other);
      }),
    );
    expect(idOf('a', price)).not.toBe(idOf('a', [{ op: 'replace', path: '/item_price', value: '13.00' }]));
  });

  it('takes the time of the envelope from the body', () => {
    const time = '2026-01-02T02:00:00.000Z';
    const edit = editRecord(record, [{ op: 'replace', path: '/occurred_at', value: time }], 'orders');
    expect('headers' in edit && String(edit.headers.ce_time)).toBe(time);
  });

  it.each<[string, JsonPatch, string]>([
    ['a path that is not there', [{ op: 'remove', path: '/nothing' }], 'operation 0 does not apply'],
    ['a test that fails', [{ op: 'test', path: '/item_price', value: '1' }], 'operation 0 does not apply'],
    ['a list in place of the body', [{ op: 'replace', path: '', value: [] }], 'not a JSON object'],
    ['another key', [{ op: 'replace', path: '', value: { ...placed('1'), customer_id: 'x' } }], 'changes customer_id'],
    ['another type', [{ op: 'replace', path: '', value: { ...placed('1'), event_type: 'x' } }], 'changes event_type'],
  ])('rejects %s', (_, patch, problem) => {
    const edit = editRecord(record, patch, 'orders');
    expect('problem' in edit && edit.problem).toContain(problem);
  });

  it('replaces a cut body as a whole', () => {
    const cut = { ...record, value: Buffer.from('{"event_id":"placed-1","ev') };
    const edit = editRecord(cut, [{ op: 'add', path: '', value: placed('1') }], 'orders');
    expect('value' in edit && JSON.parse(String(edit.value))).toMatchObject({ item_price: '12.90' });
  });
});

describe('a patch', () => {
  it('is an RFC 6902 patch of fields that may change', () => {
    expect(patchProblems(price, 'orders')).toEqual([]);
    expect(patchProblems([{ op: 'move', from: '/a~1b', path: '/item_name' }], 'catalog')).toEqual([]);
    expect(patchProblems([{ op: 'test', path: '/customer_id', value: 'x' }], 'orders')).toEqual([]);
  });

  it.each<[string, readonly unknown[]]>([
    ['no operation', []],
    ['too many', Array<unknown>(101).fill(price[0])],
    ['no object', ['x']],
    ['an unknown operation', [{ op: 'merge', path: '/a' }]],
    ['no pointer', [{ op: 'remove', path: 'item_price' }]],
    ['a damaged pointer', [{ op: 'remove', path: '/a~2' }]],
    ['no value', [{ op: 'add', path: '/a' }]],
    ['no source', [{ op: 'copy', path: '/a' }]],
    ['the prototype', [{ op: 'add', path: '/__proto__/polluted', value: 1 }]],
    ['the event id', [{ op: 'replace', path: '/event_id', value: 'x' }]],
    ['the event type', [{ op: 'remove', path: '/event_type' }]],
    ['the key', [{ op: 'replace', path: '/customer_id', value: 'x' }]],
    ['a move of the key', [{ op: 'move', from: '/customer_id', path: '/item_name' }]],
  ])('is rejected with %s', (_, patch) => {
    expect(patchProblems(patch, 'orders')).not.toEqual([]);
  });
});
