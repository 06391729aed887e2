import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { EventColumn } from './columns';
import { EVENT_CONTRACTS, type EventContract } from './index';
import { ContractChangeError, incompatibilities, releaseOf, renderRelease } from './release';

const PATH = 'libs/contracts/releases/v1.json';
const stored = readFileSync(resolve(__dirname, '../../..', PATH), 'utf8');
const contracts = [...EVENT_CONTRACTS.values()];

/** The contracts with another form of order.paid. */
const withPaid = (change: (contract: EventContract) => EventContract): readonly EventContract[] =>
  contracts.map((contract) => (contract.type === 'order.paid' ? change(contract) : contract));

const withColumn = (name: string, change: (column: EventColumn) => EventColumn) =>
  withPaid((contract) => ({
    ...contract,
    columns: contract.columns.map((column) => (column.name === name ? change(column) : column)),
  }));

const NEW_COLUMN: EventColumn = {
  name: 'payment_note',
  type: 'STRING',
  mode: 'NULLABLE',
  description: 'A note.',
  personal: false,
  constraint: 'a string',
  expected: 'a string',
  schema: { type: 'string' },
  example: 'a note',
};
const withNew = (column: EventColumn) =>
  withPaid((contract) => ({ ...contract, columns: [...contract.columns, column] }));
const METHOD = 'payment_method';

describe('the released contracts', () => {
  it('are those of the code: nothing that was released is changed, and what is new is recorded (npm run generate)', () => {
    // Throws with what to do if the contracts are incompatible.
    expect(renderRelease(PATH, stored, contracts)).toBe(stored);
  });

  it.each<[string, readonly EventContract[], string]>([
    ['a removed event type', contracts.filter(({ type }) => type !== 'order.paid'), 'order.paid is removed'],
    [
      'a removed column',
      withPaid((contract) => ({ ...contract, columns: contract.columns.filter(({ name }) => name !== METHOD) })),
      'order.paid: payment_method is removed',
    ],
    [
      'a new REQUIRED column',
      withNew({ ...NEW_COLUMN, mode: 'REQUIRED' }),
      'order.paid: payment_note is new and REQUIRED',
    ],
    [
      'another type',
      withColumn('payment_amount', (column) => ({ ...column, type: 'STRING' })),
      'order.paid: payment_amount was NUMERIC and is STRING',
    ],
    [
      'a column that becomes NULLABLE',
      withColumn(METHOD, (column) => ({ ...column, mode: 'NULLABLE' })),
      'order.paid: payment_method was REQUIRED and is NULLABLE',
    ],
    [
      'a value that leaves a list',
      withColumn(METHOD, (column) => ({ ...column, schema: { type: 'string', enum: ['card'] } })),
      'order.paid: payment_method can no longer be "wallet"',
    ],
    [
      'another constraint',
      withColumn('payment_id', (column) => ({ ...column, schema: { ...column.schema, maxLength: 64 } })),
      'order.paid: payment_id had the constraint {"type":"string","minLength":1,"maxLength":128',
    ],
    [
      'a list in place of any text',
      withColumn('payment_id', (column) => ({ ...column, schema: { type: 'string', enum: ['one'] } })),
      'order.paid: payment_id had the constraint',
    ],
    [
      'another key',
      withPaid((contract) => ({ ...contract, keyField: 'order_id' })),
      'order.paid: its key was customer_id and is order_id',
    ],
    [
      'another family',
      withPaid((contract) => ({ ...contract, family: 'customers' })),
      'order.paid: its family was orders and is customers',
    ],
  ])('are broken by %s', (_, changed, problem) => {
    const problems = incompatibilities(releaseOf(contracts), releaseOf(changed));
    expect(problems.join('\n')).toContain(problem);
    expect(() => renderRelease(PATH, stored, changed)).toThrow(ContractChangeError);
    expect(() => renderRelease(PATH, stored, changed)).toThrow(/version 2 of the event in topics of its own/);
  });

  it.each<[string, readonly EventContract[]]>([
    ['a new NULLABLE column', withNew(NEW_COLUMN)],
    [
      'a new value of a list',
      withColumn(METHOD, (column) => ({
        ...column,
        schema: { ...column.schema, enum: [...(column.schema.enum ?? []), 'crypto'] },
      })),
    ],
    ['another description', withColumn(METHOD, (column) => ({ ...column, description: 'How it was paid.' }))],
    ['a new event type', [...contracts, { ...(contracts[0] as EventContract), type: 'order.invoiced' }]],
  ])('allow %s, and record it: from then on it is released', (what, changed) => {
    expect(incompatibilities(releaseOf(contracts), releaseOf(changed))).toEqual([]);
    const next = renderRelease(PATH, stored, changed);
    if (what !== 'another description') {
      expect(next).not.toBe(stored);
      expect(() => renderRelease(PATH, next, contracts)).toThrow(ContractChangeError);
    }
  });
});
