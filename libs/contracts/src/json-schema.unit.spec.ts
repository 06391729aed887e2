import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import Ajv2020, { type ValidateFunction } from 'ajv/dist/2020';
import addFormats from 'ajv-formats';
import * as fc from 'fast-check';
import { GOOD_BODIES } from '../test/bodies';
import { INHERITED_NAMES, mutatedBody, VALUES, withMember } from '../test/mutations';
import { sampleOf } from '../test/samples';
import { compileChecks, EVENT_CONTRACTS, type EventContract } from './index';
import { type EventSchema, jsonSchema, SCHEMA_LIMITS } from './json-schema';

type Body = Readonly<Record<string, unknown>>;

const root = resolve(__dirname, '../../..');
const contracts = [...EVENT_CONTRACTS.values()];
const checks = compileChecks();

/** In strict mode, with the one annotation of ours. Formats are annotations in 2020-12, and many producers assert them. */
function compile(schema: object, validateFormats: boolean): ValidateFunction {
  const ajv = new Ajv2020({ strict: true, allowUnionTypes: true, addUsedSchema: false, validateFormats });
  addFormats(ajv);
  ajv.addKeyword('x-personal');
  return ajv.compile(schema);
}

/** The schema of the file that producers get. */
const storedSchema = ({ type, version }: EventContract): EventSchema =>
  JSON.parse(readFileSync(resolve(root, `docs/contracts/json-schema/${type}.v${version}.json`), 'utf8')) as EventSchema;

const validators = new Map(
  contracts.map((contract) => [
    contract.type,
    [true, false].map((validateFormats) => compile(storedSchema(contract), validateFormats)),
  ]),
);

const accepts = (type: string, body: Body): boolean => checks.get(type)?.(body) === true;
/** Whether the schema accepts the body, with formats asserted and without. */
const schemaAccepts = (type: string, body: Body): boolean => {
  const [first, second] = (validators.get(type) ?? []).map((validate) => validate(body));
  expect(first).toBe(second);
  return first === true;
};

/**
 * What JSON Schema cannot express of a parsed body (`SCHEMA_LIMITS`), and a body that it can express in its place. All
 * else must agree.
 */
const EXCEPTIONS = {
  /** Two letters in place of each character that counts as two code units. */
  codeUnits: (text) => text.replaceAll(/[\u{10000}-\u{10ffff}]/gu, 'xx'),
  /** A character in place of each lone surrogate. */
  encoding: (text) => text.toWellFormed(),
} as const satisfies Partial<Record<keyof typeof SCHEMA_LIMITS, (text: string) => string>>;

const replaced = (body: Body, replace: (text: string) => string): Body =>
  Object.fromEntries(
    Object.entries(body).map(([name, value]) => [name, typeof value === 'string' ? replace(value) : value]),
  );

/** The exception that a body is: the contract rejects what the schema accepts, and they agree on the body in its place. */
function exceptionOf(type: string, body: Body): string | undefined {
  if (accepts(type, body) || !schemaAccepts(type, body)) return undefined;
  if (!schemaAccepts(type, replaced(body, EXCEPTIONS.codeUnits))) return 'codeUnits';
  const lone = Object.values(body).some((value) => typeof value === 'string' && !value.isWellFormed());
  return lone && accepts(type, replaced(body, EXCEPTIONS.encoding)) ? 'encoding' : undefined;
}

function expectAgreement(type: string, body: Body): void {
  const contract = accepts(type, body);
  const schema = schemaAccepts(type, body);
  if (contract !== schema && exceptionOf(type, body) === undefined)
    expect({ contract, schema, body }).toBe('agreement');
}

/** The complete example of a contract with each value of the corpus in each field, without each field, and unknown fields. */
function* corpus(contract: EventContract): Generator<Body> {
  const body = sampleOf(contract.type);
  yield body;
  for (const { name, example } of contract.columns) {
    yield Object.fromEntries(Object.entries(body).filter(([each]) => each !== name));
    for (const value of [example, ...VALUES]) yield { ...body, [name]: value };
  }
  for (const name of ['extra', '', ...INHERITED_NAMES]) {
    yield JSON.parse(withMember(JSON.stringify(body), name, 1)) as Body;
  }
}

/** Strict mode wants a type beside the other keywords. */
const ANY_TYPE = ['string', 'number', 'boolean', 'null', 'object', 'array'];

/**
 * Keywords that change no verdict of ajv: formats say what patterns express, a list of values implies their type, and `not`
 * beside a pattern is for the `$` of other languages.
 */
const isRedundant = (keyword: string, property: object): boolean =>
  keyword === 'format' ||
  keyword === 'x-personal' ||
  (keyword === 'type' && 'enum' in property) ||
  (keyword === 'not' && 'pattern' in property);

describe('the JSON Schemas of the events', () => {
  it.each(contracts)('$type accepts the stored sample and its own example', (contract) => {
    for (const body of [sampleOf(contract.type), ...storedSchema(contract).examples]) {
      expect(schemaAccepts(contract.type, body as Body)).toBe(true);
    }
  });

  it.each(contracts)('$type agrees with the validator on every value of every field', (contract) => {
    let rejected = 0;
    for (const body of corpus(contract)) {
      expectAgreement(contract.type, body);
      if (!accepts(contract.type, body)) rejected++;
    }
    expect(rejected).toBeGreaterThan(contract.columns.length * 50);
  });

  it('agree with the validator on valid and on mutated bodies', () => {
    const seen = { valid: 0, invalid: 0 };
    for (const [type, bodies] of Object.entries<fc.Arbitrary<object>>(GOOD_BODIES)) {
      fc.assert(
        fc.property(bodies, (body) => {
          expect(schemaAccepts(type, JSON.parse(JSON.stringify(body)) as Body)).toBe(true);
        }),
        { numRuns: 30 },
      );
    }
    fc.assert(
      fc.property(mutatedBody, fc.constantFrom(...EVENT_CONTRACTS.keys()), (body, other) => {
        const claimed = String(body.event_type);
        const type = EVENT_CONTRACTS.has(claimed) ? claimed : other;
        expectAgreement(type, body);
        seen[accepts(type, body) ? 'valid' : 'invalid']++;
      }),
      { numRuns: 2_000 },
    );
    expect(Math.min(seen.valid, seen.invalid)).toBeGreaterThan(100);
  });

  it('accept every day of leap years and of other years, and no day that does not exist', () => {
    const body = sampleOf('order.paid');
    for (const year of [1970, 1972, 1999, 2000, 2023, 2024, 2096, 2100, 2199]) {
      for (let month = 0; month <= 13; month++) {
        for (let day = 0; day <= 32; day++) {
          const occurred_at = `${year}-${String(month).padStart(2, '0')}-${String(day).padStart(2, '0')}T23:59:59Z`;
          const time = new Date(occurred_at);
          const exists = !Number.isNaN(time.getTime()) && time.toISOString().startsWith(occurred_at.slice(0, 19));
          expect([occurred_at, schemaAccepts('order.paid', { ...body, occurred_at })]).toEqual([occurred_at, exists]);
        }
      }
    }
  });

  it('differ only in the exceptions that they name, and in each of them', () => {
    const found = new Set<string>();
    for (const contract of contracts) {
      for (const body of corpus(contract)) found.add(exceptionOf(contract.type, body) ?? 'none');
    }
    expect(found).toEqual(new Set(['none', ...Object.keys(EXCEPTIONS)]));
  });

  it('need each of their keywords: without it a value of the field has another verdict', () => {
    const useless: string[] = [];
    const seen = new Set<string>();
    for (const contract of contracts) {
      const body = sampleOf(contract.type);
      for (const [name, property] of Object.entries(storedSchema(contract).properties)) {
        const { description, examples, ...keywords } = property;
        expect([typeof description, examples.length]).toEqual(['string', 1]);
        if (seen.has(JSON.stringify(keywords))) continue;
        seen.add(JSON.stringify(keywords));
        const expected = VALUES.map((value) => accepts(contract.type, { ...body, [name]: value }));
        for (const keyword of Object.keys(keywords)) {
          if (isRedundant(keyword, keywords)) continue;
          const validate = compile({ ...keywords, [keyword]: keyword === 'type' ? ANY_TYPE : undefined }, false);
          if (VALUES.every((value, index) => validate(value) === expected[index])) useless.push(`${name}.${keyword}`);
        }
      }
    }
    expect(useless).toEqual([]);
    expect(seen.size).toBeGreaterThan(20);
  });

  it('have only patterns that the regular expressions of other languages read in the same way', () => {
    for (const contract of contracts) {
      const patterns = Object.values(jsonSchema(contract).properties).flatMap(({ pattern, not }) => [
        ...(pattern === undefined ? [] : [pattern]),
        ...(not === undefined ? [] : [not.pattern]),
      ]);
      // No look-around, no class or Unicode escape: RE2 lacks them, or they mean other characters.
      expect(patterns.filter((pattern) => /\(\?[^:]|\\/.test(pattern))).toEqual([]);
      for (const property of Object.values(jsonSchema(contract).properties)) {
        if (property.pattern?.endsWith('$') === true) expect(property.not?.pattern).toBe('\n');
      }
    }
  });

  it('say what they cannot express, have title, key and descriptions, and mark personal data', () => {
    for (const contract of contracts) {
      const schema = storedSchema(contract);
      expect(schema.title).toBe(contract.type);
      for (const limit of Object.values(SCHEMA_LIMITS)) expect(schema.description).toContain(limit);
      for (const { name, personal, description, constraint } of contract.columns) {
        const property = schema.properties[name];
        expect(property?.['x-personal']).toBe(personal ? true : undefined);
        expect(property?.description).toContain(`${description} Must be ${constraint}`);
      }
    }
  });
});
