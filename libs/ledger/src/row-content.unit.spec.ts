import { contentOfBody, contentOfRow, differingColumns } from './row-content';

const BODY = {
  event_id: 'e-1',
  event_type: 'order.placed',
  occurred_at: '2026-03-02T10:00:00.123456Z',
  order_placed_at: '2026-03-02T10:00:00Z',
  item_price: '12.50',
  item_quantity: 3,
  vendor_name: 'Bücher & Söhne',
  order_rating: null,
};
/** As the client returns them. */
const ROW = {
  ...BODY,
  occurred_at: { value: '2026-03-02T10:00:00.123456000Z' },
  order_placed_at: { value: '2026-03-02T10:00:00.000Z' },
  item_price: { toString: () => '12.5' },
};
const bodyOf = (fields: object) => contentOfBody('orders', Buffer.from(JSON.stringify({ ...BODY, ...fields })));

describe('the content of a row', () => {
  it('is that of its event, however the client writes times and decimals', () => {
    expect(differingColumns('orders', bodyOf({}), contentOfRow('orders', ROW))).toEqual([]);
  });

  it.each([
    ['occurred_at', { value: '2026-03-02T10:00:00.123457Z' }],
    ['item_price', '12.51'],
    ['item_price', null],
    ['item_quantity', 30],
    ['vendor_name', 'Bucher & Sohne'],
    ['vendor_name', ''],
    ['order_rating', 1],
    ['carrier', 'x'],
  ])('differs in %s: %j', (column, value) => {
    expect(differingColumns('orders', bodyOf({}), contentOfRow('orders', { ...ROW, [column]: value }))).toEqual([
      column,
    ]);
  });

  it('differs between an empty text and null', () => {
    expect(differingColumns('orders', bodyOf({ vendor_name: '' }), bodyOf({ vendor_name: null }))).toEqual([
      'vendor_name',
    ]);
  });

  it('is never that of a body that is no object', () => {
    const nothing = contentOfBody('orders', Buffer.from('5'));
    expect(differingColumns('orders', nothing, nothing).length).toBeGreaterThan(10);
  });
});
