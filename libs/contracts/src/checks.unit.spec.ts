import {
  IsInt,
  IsOptional,
  IsString,
  Length,
  Max,
  Min,
  ValidateIf,
  ValidateNested,
  validateSync,
} from 'class-validator';
import * as fc from 'fast-check';
import { compileCheck, compileChecks, EVENT_CONTRACTS, explain } from './index';
import { GOOD_BODIES, goodBody } from '../test/bodies';
import { INHERITED_NAMES, mutatedBody, withMember } from '../test/mutations';

type Json = Record<string, unknown>;

const checks = compileChecks();

function check(type: string, body: Json): boolean {
  const compiled = checks.get(type);
  if (compiled === undefined) throw new Error(`no check for ${type}`);
  return compiled(body);
}

/** Whether class-validator itself accepts a body of this type. */
function validates(type: string, body: Json): boolean {
  const contract = EVENT_CONTRACTS.get(type);
  if (contract === undefined) throw new Error(`no contract for ${type}`);
  const instance = Object.assign(new contract.eventClass(), body);
  return validateSync(instance, { whitelist: true, forbidNonWhitelisted: true }).length === 0;
}

const parse = (text: string): Json => JSON.parse(text) as Json;
const types = [...EVENT_CONTRACTS.keys()];

describe('compiled checks', () => {
  it.each(types)('accept every valid %s, as validateSync does', (type) => {
    const bodies: fc.Arbitrary<object> = GOOD_BODIES[type as keyof typeof GOOD_BODIES];
    fc.assert(
      fc.property(bodies, (good) => {
        const body = parse(JSON.stringify(good));
        expect([check(type, body), validates(type, body), explain(type, body)]).toEqual([true, true, []]);
      }),
      { numRuns: 50 },
    );
  });

  it('agree with validateSync and explain on mutated bodies, checked as their own type and as another', () => {
    const verdicts = { valid: 0, invalid: 0 };
    fc.assert(
      fc.property(goodBody, mutatedBody, fc.constantFrom(...types), fc.boolean(), (good, mutated, other, asOther) => {
        const type = asOther ? other : typeof mutated.event_type === 'string' ? mutated.event_type : good.event_type;
        if (!EVENT_CONTRACTS.has(type)) return;
        const verdict = check(type, mutated);
        expect(verdict).toBe(validates(type, mutated));
        expect(verdict).toBe(explain(type, mutated).length === 0);
        verdicts[verdict ? 'valid' : 'invalid']++;
      }),
      { numRuns: 5_000 },
    );
    // The mutations must yield valid and invalid bodies.
    expect(verdicts.valid).toBeGreaterThan(200);
    expect(verdicts.invalid).toBeGreaterThan(1_000);
  });

  it.each(INHERITED_NAMES)('reject an own field %s, the name of an inherited member', (name) => {
    fc.assert(
      fc.property(goodBody, fc.jsonValue(), (good, value) => {
        const body = parse(withMember(JSON.stringify(good), name, value));
        expect(Object.hasOwn(body, name)).toBe(true);
        expect(check(good.event_type, body)).toBe(false);
        expect(explain(good.event_type, body)).toEqual([
          { path: name, constraint: 'whitelistValidation', message: 'expected no field of this name' },
        ]);
      }),
      { numRuns: 30 },
    );
  });

  it('ignore the fields of a __proto__ in the body', () => {
    const [good] = fc.sample(GOOD_BODIES['order.rated'], 1);
    expect(check('order.rated', parse(withMember('{}', '__proto__', good)))).toBe(false);
    expect(explain('order.rated', parse(withMember('{}', '__proto__', good)))[0]?.constraint).toBe('isDefined');
  });
});

describe('compileCheck', () => {
  class Parcel {
    @IsString() @Length(2, 4) code: string;
    @IsOptional() @IsInt() @Min(1) @Max(9) weight?: number | null;
  }
  class Conditional {
    @ValidateIf(() => false) @IsString() name: string;
  }
  class Each {
    @IsString({ each: true }) names: string[];
  }
  class Grouped {
    @IsString({ groups: ['some'] }) name: string;
  }
  class Nested {
    @ValidateNested() parcel: Parcel;
  }

  it("follows class-validator's own decorators, several on one field", () => {
    const compiled = compileCheck(Parcel);
    const values = fc.oneof(fc.constantFrom(undefined, null, '', 'ab', 'abcde', 0, 1, 9, 10, 1.5), fc.anything());
    fc.assert(
      fc.property(values, values, (code, weight) => {
        const body = { code, weight };
        expect(compiled(body)).toBe(validateSync(Object.assign(new Parcel(), body)).length === 0);
      }),
      { numRuns: 500 },
    );
  });

  it.each([Conditional, Each, Grouped, Nested])(
    'rejects a class whose decorators it cannot follow: %p',
    (eventClass) => {
      expect(() => compileCheck(eventClass)).toThrow(TypeError);
    },
  );
});

describe('explain', () => {
  const placed: Json = {
    event_id: 'e-1',
    event_type: 'order.placed',
    occurred_at: '2026-01-02T03:04:05.678Z',
    order_id: 'a'.repeat(64),
    order_placed_at: '2026-01-02T03:04:05.678Z',
    vendor_id: 'b'.repeat(64),
    vendor_name: 'Becker and Sons',
    vendor_address: '7 Mill Road',
    vendor_vertical: 'House and garden',
    customer_id: 'c'.repeat(64),
    customer_registered_at: '2025-01-02T03:04:05Z',
    item_sku: '6f1b0a52-3f4e-4a7b-9d55-0c2f1f6f2a10',
    item_name: 'Desk lamp',
    item_price: '129.90',
    item_quantity: 1,
  };
  const problems = (changes: Json): string[] =>
    explain('order.placed', { ...placed, ...changes }).map(({ path, constraint }) => `${path} ${constraint}`);

  it.each<[Json, string]>([
    [{ item_price: 129.9 }, 'item_price isDecimalString'],
    [{ item_price: '129.9' }, 'item_price isDecimalString'],
    [{ item_price: '-1.00' }, 'item_price isDecimalString'],
    [{ item_quantity: '1' }, 'item_quantity isWholeNumber'],
    [{ item_quantity: 0 }, 'item_quantity isWholeNumber'],
    [{ item_quantity: 1001 }, 'item_quantity isWholeNumber'],
    [{ item_quantity: 1.5 }, 'item_quantity isWholeNumber'],
    [{ order_rating: 6 }, 'order_rating isWholeNumber'],
    [{ order_rating: 'NaN' }, 'order_rating isWholeNumber'],
    [{ item_price: '00.50' }, 'item_price isDecimalString'],
    [{ item_price: '1000000000.00' }, 'item_price isDecimalString'],
    [{ event_id: '' }, 'event_id isIdentifier'],
    [{ event_id: 'two words' }, 'event_id isIdentifier'],
    [{ event_id: 'x'.repeat(129) }, 'event_id isIdentifier'],
    [{ order_id: 'A'.repeat(64) }, 'order_id isSha256'],
    [{ order_id: 'a'.repeat(63) }, 'order_id isSha256'],
    [{ order_id: 'a'.repeat(65) }, 'order_id isSha256'],
    [{ order_id: `${'a'.repeat(63)}g` }, 'order_id isSha256'],
    [{ item_sku: '6f1b0a523f4e4a7b9d550c2f1f6f2a10' }, 'item_sku isUuid'],
    [{ item_sku: '6F1B0A52-3F4E-4A7B-9D55-0C2F1F6F2A10' }, 'item_sku isUuid'],
    [{ vendor_vertical: 'Toys' }, 'vendor_vertical isOneOf'],
    [{ vendor_name: '' }, 'vendor_name isText'],
    [{ vendor_name: ' \t' }, 'vendor_name isText'],
    [{ vendor_name: 'x'.repeat(257) }, 'vendor_name isText'],
    [{ vendor_name: '\ud800' }, 'vendor_name isText'],
    [{ order_placed_at: '2026-02-30T00:00:00Z' }, 'order_placed_at isTimestamp'],
    [{ occurred_at: '2026-01-02T03:04:05+00:00' }, 'occurred_at isTimestamp'],
    [{ occurred_at: 1_767_323_045_678 }, 'occurred_at isTimestamp'],
    [{ event_type: 'order.paid' }, 'event_type isOneOf'],
    [{ customer_id: null }, 'customer_id isDefined'],
    [{ customer_id: undefined }, 'customer_id isDefined'],
    [{ note: 'hello' }, 'note whitelistValidation'],
  ])('reports the field and the constraint of %j', (changes, problem) => {
    expect(problems(changes)).toEqual([problem]);
  });

  it.each<Json>([
    { item_price: '0.00' },
    { item_price: '999999999.99' },
    { item_quantity: 1000 },
    { order_rating: 1 },
    { event_id: '!~' },
    { event_id: 'x'.repeat(128) },
    { vendor_name: 'x' },
    { vendor_name: '\u{1f44d}'.repeat(128) },
    { occurred_at: '1970-01-01T00:00:00Z' },
    { occurred_at: '2024-02-29T23:59:59.999999Z' },
  ])('reports nothing for %j', (changes) => {
    expect(problems(changes)).toEqual([]);
  });

  it('accepts null and absence of a nullable field', () => {
    expect([problems({ order_rating: null }), problems({})]).toEqual([[], []]);
  });

  it('reports all problems, in the order of the contract and then the unknown fields', () => {
    expect(problems({ zeta: 1, item_quantity: 0, event_id: '', alpha: 2, order_id: 7 })).toEqual([
      'event_id isIdentifier',
      'order_id isSha256',
      'item_quantity isWholeNumber',
      'zeta whitelistValidation',
      'alpha whitelistValidation',
    ]);
  });

  it('reports at most 100 unknown fields, and at most 128 characters of each name', () => {
    const many = Object.fromEntries(Array.from({ length: 5_000 }, (_, index) => [`${'x'.repeat(500)}${index}`, 1]));
    const violations = explain('order.placed', { ...placed, ...many });
    expect(violations).toHaveLength(100);
    expect(violations.every(({ path }) => path.length === 128)).toBe(true);
  });

  it('quotes no value of a personal field, whatever it is', () => {
    const secret = '4915112345678';
    for (const { type, columns } of EVENT_CONTRACTS.values()) {
      for (const { name } of columns.filter(({ personal }) => personal)) {
        for (const value of [
          Number(secret),
          ` ${secret}`.repeat(2_000),
          [secret],
          { [secret]: secret },
          `\u0000${secret}`,
        ]) {
          const spellings = new Map([[name, typeof value === 'number' ? secret : '']]);
          const reported = JSON.stringify(explain(type, { [name]: value }, spellings));
          expect([type, name, reported.includes(secret)]).toEqual([type, name, false]);
        }
      }
    }
  });

  it('reports an unknown type', () => {
    expect(explain('order.teleported', placed)).toEqual([
      { path: 'event_type', constraint: 'isKnownType', message: 'expected the event type of a contract' },
    ]);
  });
});
