import {
  CE,
  type EventColumn,
  EVENT_CONTRACTS,
  HEADER_OVERHEAD_BYTES,
  MAX_HEADERS_BYTES,
  MAX_RECORD_BYTES,
  MAX_SOURCE_BYTES,
} from '@orderstream/contracts';
import { DEFECT_DRAW, type Moment } from './bases';
import { type Draft, occurAt } from './draft';
import { about, type Edit, type Spec } from './spec';

// Constants: a look-up of `Math` is slow where tests run.
const { floor } = Math;

const writes =
  (write: Draft['write']): Edit =>
  (draft) => {
    draft.write = write;
  };
/** Adds text at the end of the object. */
const appended = (text: string): Edit => writes((json) => `${json.slice(0, -1)},${text}}`);
const fields =
  (values: Readonly<Record<string, unknown>>): Edit =>
  (draft) => {
    Object.assign(draft.body, values);
  };
const NESTED = 1_000;

const malformed = about('structure.malformed_json', 'the event', 'a search');
const MALFORMED: readonly Spec[] = [
  malformed.defect('truncated', {
    weight: 3,
    combines: true,
    spoil: (draft, { draws }) => {
      draft.write = (json) => json.slice(0, 1 + draws.below(DEFECT_DRAW.edit, json.length - 1));
    },
  }),
  malformed.defect('without_last_byte', { spoil: writes((json) => json.slice(0, -1)) }),
  malformed.defect('no_json', { spoil: writes(() => 'order placed, see attachment') }),
  malformed.defect('array', { spoil: writes((json) => `[${json}]`) }),
  malformed.defect('number', { spoil: writes(() => '42') }),
  malformed.defect('two_objects', { spoil: writes((json) => `${json}\n${json}`) }),
  malformed.defect('byte_order_mark', { spoil: writes((json) => `\ufeff${json}`) }),
  malformed.defect('nested', { spoil: writes(() => '['.repeat(NESTED) + ']'.repeat(NESTED)) }),
  malformed.defect('invalid_utf8', {
    spoil: writes((json) => {
      const value = Buffer.from(json);
      // Never in UTF-8. The third last byte is inside the last string, number or word.
      value[value.length - 3] = 0xff;
      return value;
    }),
  }),
  malformed.defect('lone_surrogate', { spoil: appended('"note":"\\ud83d"') }),
  malformed.defect('repeated_name', {
    weight: 2,
    spoil: writes((json) => `{"event_id":"another",${json.slice(1)}`),
  }),
  malformed.defect('repeated_name_escaped', {
    spoil: writes((json) => `{"occurred\\u005fat":"2026-01-01T00:00:00Z",${json.slice(1)}`),
  }),
  malformed.defect('tombstone', { spoil: writes(() => null) }),
  malformed.defect('empty', { spoil: writes(() => '') }),
  malformed.nearMiss('white_space', { spoil: writes((json) => ` \r\n\t${json.replaceAll('":', '" : ')}\n`) }),
  malformed.nearMiss('surrogate_pair_escaped', {
    spoil: writes((json) => json.replace('desk lamp', 'lamp \\ud83d\\udca1')),
  }),
  malformed.nearMiss('emoji', { edit: fields({ search_terms: 'lamp 💡' }) }),
  malformed.nearMiss('name_escaped', {
    spoil: writes((json) => json.replace('"search_terms"', '"search\\u005fterms"')),
  }),
];

const unknown = about('structure.unknown_type', 'the event', 'a cart');
const UNKNOWN_TYPE: readonly Spec[] = [
  unknown.defect('no_such_type', { weight: 2, combines: true, edit: fields({ event_type: 'order.teleported' }) }),
  unknown.defect('another_version', {
    edit: (draft) => {
      draft.body.event_type = `${String(draft.body.event_type)}.v2`;
    },
  }),
  unknown.defect('of_another_family', {
    edit: (draft) => {
      draft.body.event_type = draft.family === 'catalog' ? 'order.paid' : 'product.listed';
    },
  }),
  unknown.defect('upper_case', {
    edit: (draft) => {
      draft.body.event_type = String(draft.body.event_type).toUpperCase();
    },
  }),
  unknown.defect('member_of_objects', { edit: fields({ event_type: 'constructor' }) }),
  unknown.nearMiss('seldom_type', {
    edit: (draft) => {
      draft.body.event_type = 'cart.item_removed';
      delete draft.body.item_price;
    },
  }),
  // Evaluated by the type of the envelope.
  unknown.nearMiss('type_only_in_the_envelope', {
    fires: ['structure.invalid_field'],
    spoil: (draft) => {
      delete draft.body.event_type;
    },
  }),
];

/** A required column that neither the envelope nor the key must equal. */
function columnOf({ event, draws }: Moment): EventColumn {
  const contract = EVENT_CONTRACTS.get(event.type);
  const columns = (contract?.columns ?? []).filter(
    ({ name, mode }) =>
      mode === 'REQUIRED' && name !== contract?.keyField && !['event_id', 'event_type', 'occurred_at'].includes(name),
  );
  const column = columns[draws.below(DEFECT_DRAW.edit, columns.length)];
  if (column === undefined) throw new TypeError(`${event.type} has no required field of its own`);
  return column;
}

const invalid = about('structure.invalid_field', 'the event', 'a cart');
const quantity = (name: string, spelling: string): Spec =>
  invalid.defect(`quantity_${name}`, {
    base: 'a cart',
    spoil: writes((json) => json.replace(/"item_quantity":\d+/, `"item_quantity":${spelling}`)),
  });
/** A wrong value of one field of a visit. */
const wrong = (name: string, base: 'a cart' | 'a search' | 'a review', field: string, value: unknown): Spec =>
  invalid.defect(name, { base, edit: fields({ [field]: value }) });
const right = (name: string, base: 'a cart' | 'a search' | 'a review', field: string, value: unknown): Spec =>
  invalid.nearMiss(name, { base, edit: fields({ [field]: value }) });
/** The time of the event in another notation, in the envelope too. */
const spelledTime = (name: string, spelling: (time: string) => string): Spec =>
  invalid.defect(`time_${name}`, {
    edit: ({ body }) => {
      body.occurred_at = spelling(String(body.occurred_at));
    },
  });
const INVALID_FIELD: readonly Spec[] = [
  invalid.defect('unknown_field', { weight: 3, combines: true, edit: fields({ loyalty_points: 12 }) }),
  // As text: an object literal would set the prototype instead of a field.
  invalid.defect('prototype', { spoil: appended('"__proto__":{"order_rating":5}') }),
  invalid.defect('missing_field', {
    weight: 3,
    edit: (draft, moment) => {
      draft.body = Object.fromEntries(Object.entries(draft.body).filter(([name]) => name !== columnOf(moment).name));
    },
  }),
  invalid.defect('null', {
    weight: 2,
    edit: (draft, moment) => {
      draft.body[columnOf(moment).name] = null;
    },
  }),
  invalid.defect('another_json_type', {
    weight: 2,
    edit: (draft, moment) => {
      const { name, type } = columnOf(moment);
      draft.body[name] = type === 'INT64' || type === 'BOOL' ? String(draft.body[name]) : 7;
    },
  }),
  invalid.defect('object', {
    edit: (draft, moment) => {
      const { name } = columnOf(moment);
      draft.body[name] = { value: draft.body[name] };
    },
  }),
  spelledTime('with_offset', (time) => time.replace('Z', '+00:00')),
  spelledTime('without_zone', (time) => time.replace('Z', '')),
  spelledTime('in_lower_case', (time) => time.toLowerCase()),
  spelledTime('with_seven_decimals', (time) => time.replace('Z', '0Z')),
  spelledTime('with_a_blank', (time) => time.replace('T', ' ')),
  spelledTime('that_does_not_exist', (time) => time.replace(/-\d\d-\d\dT/, '-02-30T')),
  spelledTime('before_1970', (time) => `1969${time.slice(4)}`),
  spelledTime('after_2199', (time) => `2200${time.slice(4)}`),
  quantity('1001', '1001'),
  quantity('0', '0'),
  quantity('fraction', '1.5'),
  quantity('exponent', '2e0'),
  quantity('decimals', '2.0'),
  quantity('rounded', '2.0000000000000000001'),
  quantity('text', '"2"'),
  quantity('true', 'true'),
  wrong('price_three_decimals', 'a cart', 'item_price', '10.005'),
  wrong('price_one_decimal', 'a cart', 'item_price', '10.5'),
  wrong('price_negative', 'a cart', 'item_price', '-10.00'),
  wrong('price_leading_zero', 'a cart', 'item_price', '010.00'),
  wrong('price_ten_digits', 'a cart', 'item_price', '1000000000.00'),
  wrong('price_as_number', 'a cart', 'item_price', 19.9),
  wrong('sku_upper_case', 'a cart', 'item_sku', '6F1B0A52-3F4E-4A7B-9D55-0C2F1F6F2A10'),
  wrong('vendor_63_digits', 'a cart', 'vendor_id', 'a'.repeat(63)),
  wrong('results_negative', 'a search', 'result_count', -1),
  wrong('results_1000001', 'a search', 'result_count', 1_000_001),
  wrong('terms_257_long', 'a search', 'search_terms', 'x'.repeat(257)),
  wrong('terms_empty', 'a search', 'search_terms', ''),
  wrong('terms_blank', 'a search', 'search_terms', ' '),
  wrong('vertical_unknown', 'a search', 'search_vertical', 'Groceries'),
  wrong('rating_0', 'a review', 'review_rating', 0),
  wrong('rating_6', 'a review', 'review_rating', 6),
  wrong('text_4001_long', 'a review', 'review_text', 'x'.repeat(4_001)),
  right('quantity_1000', 'a cart', 'item_quantity', 1_000),
  right('quantity_1', 'a cart', 'item_quantity', 1),
  right('price_0.00', 'a cart', 'item_price', '0.00'),
  right('price_nine_digits', 'a cart', 'item_price', '999999999.99'),
  right('results_0', 'a search', 'result_count', 0),
  right('results_1000000', 'a search', 'result_count', 1_000_000),
  right('terms_256_long', 'a search', 'search_terms', 'x'.repeat(256)),
  right('terms_of_256_code_units', 'a search', 'search_terms', '💡'.repeat(128)),
  right('vertical_absent', 'a search', 'search_vertical', undefined),
  right('rating_1', 'a review', 'review_rating', 1),
  right('rating_5', 'a review', 'review_rating', 5),
  right('text_4000_long', 'a review', 'review_text', 'x'.repeat(4_000)),
  right('text_null', 'a review', 'review_text', null),
  invalid.nearMiss('time_without_decimals', {
    edit: (draft) => {
      occurAt(draft, floor(draft.occurredMicros / 1_000_000) * 1_000_000);
      draft.body.occurred_at = `${String(draft.body.occurred_at).slice(0, 19)}Z`;
    },
  }),
];

const FILLER_HEADER = 'x-filler';
const SMALL_HEADERS = 3_000;
const textBytes = (value: string | Buffer): number =>
  typeof value === 'string' ? Buffer.byteLength(value) : value.length;

function headerBytes({ headers }: Draft): { readonly count: number; readonly bytes: number } {
  let count = 0;
  let bytes = 0;
  for (const [name, value] of Object.entries(headers)) {
    count++;
    bytes += Buffer.byteLength(name) + textBytes(value);
  }
  return { count, bytes };
}

/** Shared by all records: large headers and values would cost most of the time. */
const FILLER = Buffer.alloc(MAX_HEADERS_BYTES, 'x');

/** Headers that count exactly so much. */
const headersOf =
  (size: number): Edit =>
  (draft) => {
    const { count, bytes } = headerBytes(draft);
    const rest = size - bytes - HEADER_OVERHEAD_BYTES * (count + 1) - FILLER_HEADER.length;
    draft.headers[FILLER_HEADER] = FILLER.subarray(0, rest);
  };

/** Key, value and headers that are exactly so large together. */
const recordOfSize =
  (size: number): Edit =>
  (draft) => {
    const rest = size - headerBytes(draft).bytes - Buffer.byteLength(draft.key ?? '');
    draft.write = (json) => {
      const value = Buffer.alloc(rest, ' ');
      value.write(json);
      return value;
    };
  };

const tooLarge = about('structure.too_large', 'the event', 'a search');
// Few of those that cost much: some hundred microseconds each.
const TOO_LARGE: readonly Spec[] = [
  tooLarge.defect('headers_64_kib_and_1', { weight: 40, combines: true, spoil: headersOf(MAX_HEADERS_BYTES + 1) }),
  tooLarge.defect('many_headers', {
    spoil: ({ headers }) => {
      for (let number = 0; number < SMALL_HEADERS; number++) headers[`x-small-${number}`] = '';
    },
  }),
  tooLarge.defect('record_1_mib_and_1', { spoil: recordOfSize(MAX_RECORD_BYTES + 1) }),
  tooLarge.nearMiss('headers_64_kib', { weight: 40, spoil: headersOf(MAX_HEADERS_BYTES) }),
  tooLarge.nearMiss('record_1_mib', { spoil: recordOfSize(MAX_RECORD_BYTES) }),
];

const header = (
  name: string,
  value: (own: string, draft: Draft) => string | Buffer | undefined,
): { readonly spoil: Edit } => ({
  spoil: (draft) => {
    const { [name]: own, ...rest } = draft.headers;
    const changed = value(String(own), draft);
    draft.headers = changed === undefined ? rest : { ...draft.headers, [name]: changed };
  },
});
const sourceOf = (bytes: number) => header(CE.source, () => `/${'s'.repeat(bytes - 1)}`);
const absent = (): undefined => undefined;
const rekeyed =
  (key: (own: string) => string | null): Edit =>
  (draft) => {
    draft.key = key(draft.key ?? '');
  };
const keyMismatch = about('structure.key_mismatch', 'the event', 'a search');
const KEY_MISMATCH: readonly Spec[] = [
  keyMismatch.defect('wrong_partition', {
    weight: 3,
    combines: true,
    spoil: (draft, { draws }) => {
      draft.partitionShift = 1 + draws.below(DEFECT_DRAW.edit + 1, 5);
    },
  }),
  keyMismatch.defect('missing', { spoil: rekeyed(() => null) }),
  keyMismatch.defect('of_another', { weight: 2, spoil: rekeyed((own) => `${own.slice(8)}${own.slice(0, 8)}`) }),
  keyMismatch.defect('upper_case', { spoil: rekeyed((own) => `A${own.toUpperCase()}`) }),
  keyMismatch.defect('line_feed', { spoil: rekeyed((own) => `${own}\n`) }),
  keyMismatch.defect('quoted', { spoil: rekeyed((own) => `"${own}"`) }),
  keyMismatch.nearMiss('another_subject', {
    spoil: ({ headers }) => {
      headers[CE.subject] = 'another';
    },
  }),
  keyMismatch.nearMiss('without_subject', header(CE.subject, absent)),
];

const envelope = about('structure.envelope_mismatch', 'the event', 'a search');
const ENVELOPE_MISMATCH: readonly Spec[] = [
  envelope.defect('specversion_0.3', { weight: 2, combines: true, ...header(CE.specversion, () => '0.3') }),
  envelope.defect('without_specversion', header(CE.specversion, absent)),
  envelope.defect('without_id', header(CE.id, absent)),
  envelope.defect('without_type', header(CE.type, absent)),
  envelope.defect('without_source', header(CE.source, absent)),
  envelope.defect(
    'empty_id',
    header(CE.id, () => ''),
  ),
  envelope.defect('another_id', { weight: 2, ...header(CE.id, (own) => `${own}-2`) }),
  envelope.defect(
    'quoted_id',
    header(CE.id, (own) => `"${own}"`),
  ),
  envelope.defect(
    'another_type',
    header(CE.type, (own) => `${own}.v1`),
  ),
  envelope.defect('another_time', { weight: 2, ...header(CE.time, () => '2026-01-01T00:00:00Z') }),
  envelope.defect('source_1025_bytes', sourceOf(MAX_SOURCE_BYTES + 1)),
  envelope.defect(
    'quoted_source',
    header(CE.source, (own) => `"${own}"`),
  ),
  envelope.defect(
    'blank_source',
    header(CE.source, () => '   '),
  ),
  envelope.defect(
    'source_no_uri',
    header(CE.source, () => '/shop\u0000\n'),
  ),
  envelope.defect(
    'source_no_utf8',
    header(CE.source, () => Buffer.from([0xff, 0xfe])),
  ),
  envelope.nearMiss('source_1024_bytes', sourceOf(MAX_SOURCE_BYTES)),
  envelope.nearMiss(
    'relative_source',
    header(CE.source, () => 'shop'),
  ),
  envelope.nearMiss(
    'source_in_bytes',
    header(CE.source, (own) => Buffer.from(own)),
  ),
  envelope.nearMiss('without_time', header(CE.time, absent)),
  envelope.nearMiss('without_content_type', header(CE.contentType, absent)),
  envelope.nearMiss('time_in_another_notation', {
    edit: (draft) => {
      occurAt(draft, floor(draft.occurredMicros / 1_000) * 1_000);
    },
    ...header(CE.time, (own) => `${own.slice(0, 23)}Z`),
  }),
  envelope.nearMiss('more_attributes', {
    spoil: ({ headers }) => {
      headers.ce_dataschema = '/schemas/search';
      headers.ce_sequence = Buffer.from([0, 255]);
    },
  }),
];

/** No record can break this rule. These once did: each breaks another rule, or none. */
const ruleFailed = about('internal.rule_failed', 'the event');
const RULE_FAILED: readonly Spec[] = [
  ruleFailed.nearMiss('deeply_nested', {
    fires: ['structure.malformed_json'],
    spoil: writes(() => `${'['.repeat(20_000)}${']'.repeat(20_000)}`),
  }),
  ruleFailed.nearMiss('type_of_the_prototype', {
    fires: ['structure.unknown_type'],
    edit: fields({ event_type: '__proto__' }),
  }),
  ruleFailed.nearMiss('header_of_the_prototype', {
    base: 'a search',
    spoil: ({ headers }) => {
      Object.assign(headers, { hasOwnProperty: 'x', [CE.traceparent]: Buffer.from([0xff, 0x00]) });
    },
  }),
];

export const STRUCTURE_SPECS: readonly Spec[] = [
  ...MALFORMED,
  ...UNKNOWN_TYPE,
  ...INVALID_FIELD,
  ...TOO_LARGE,
  ...KEY_MISMATCH,
  ...ENVELOPE_MISMATCH,
  ...RULE_FAILED,
];
