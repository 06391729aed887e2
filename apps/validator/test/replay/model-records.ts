import type { Family } from '@orderstream/contracts';
import { envelopeHeaders } from '@orderstream/contracts';
import type { KafkaRecord, RecordBatch } from '@orderstream/kafka';
import {
  identityOf,
  RuleEvaluator,
  type Evaluation,
  type OrderLifecycle,
  type PartitionState,
  qualitySettings,
  type RawRecord,
  type StateChange,
  StateOverlay,
  type StateView,
} from '@orderstream/quality';

import { type Memory, type Outcome, possibleOutcomes } from '../model/evaluation';

const SOURCE = '/replay';
const ORDER = 'order-1';
const EVENTS = ['a', 'b', 'c'];
const ORDER_STATES = ['placed', 'paid'] as const;
/** Append time of all records: no window expires. */
export const NOW_MS = Date.UTC(2026, 0, 2);

/** The letters `from` to `end` of an input of the model, as a batch of Kafka records. */
export function batchOf(input: string, from: number, end: number, topic: string, partition: number): RecordBatch {
  const records = Array.from(input.slice(from, end), (letter, index): KafkaRecord => {
    const offset = from + index;
    // Only events have an id that repeats.
    const id = EVENTS.includes(letter) ? letter : `${letter}-${String(offset)}`;
    return {
      topic,
      partition,
      offset,
      timestamp: NOW_MS,
      key: null,
      value: Buffer.from(JSON.stringify({ letter, offset })),
      headers: envelopeHeaders({ id, type: 'letter', source: SOURCE, time: '2026-01-02T00:00:00.000Z' }),
    };
  });
  return { topic, partition, records, nextOffset: end };
}

/** Offset in the input of a validated record. */
export const offsetOf = ({ value }: { readonly value: Buffer | null }): number => parse(value).offset;

/** A partition's state in the terms of the model. */
export function memoryOf(state: PartitionState): Memory {
  return { ...viewOf(new StateOverlay(state)), counted: state.accounting.input };
}

/** All contents of a state that a restore gives as well, to compare two states. */
export function contentsOf(state: PartitionState): unknown {
  const { events, accounting, nextOffset } = state;
  return { ...memoryOf(state), firsts: [...events.firsts], nextEvent: events.next, accounting, nextOffset };
}

/** Evaluates the model's records with the code's state, by the rules of the model. */
export class ModelEvaluator extends RuleEvaluator {
  /** The outcome of the next records that instances may evaluate differently. */
  preferred: Outcome = 'accepted';
  /** Outcomes of the records since this was emptied. */
  readonly outcomes: Outcome[] = [];

  constructor(family: Family) {
    super({ family, settings: qualitySettings(), partitionOf: () => 0 });
  }

  override evaluate(record: RawRecord, state: StateView): Evaluation {
    const { letter } = parse(record.value);
    const possible = possibleOutcomes(letter, { ...viewOf(state), counted: 0 });
    const outcome = possible.includes(this.preferred) ? this.preferred : (possible[0] ?? 'rejected');
    this.outcomes.push(outcome);
    switch (outcome) {
      case 'accepted':
        return { verdict: { kind: 'accept', flags: [] }, changes: changesOf(letter) };
      case 'skipped':
        return { verdict: { kind: 'skip', rule: 'duplicate.event' }, changes: [] };
      case 'rejected': {
        const reasons = [{ code: 'lifecycle.illegal_transition' } as const];
        return { verdict: { kind: 'reject', reasons }, changes: [] };
      }
    }
  }
}

function viewOf(state: StateView): Pick<Memory, 'events' | 'order'> {
  const events = EVENTS.reduce((set, id, bit) => (state.hasEvent(identityOf(SOURCE, id)) ? set | (1 << bit) : set), 0);
  const known = state.order(ORDER)?.state;
  return { events, order: 1 + ORDER_STATES.findIndex((each) => each === known) };
}

function changesOf(letter: string): readonly StateChange[] {
  if (letter !== '1' && letter !== '2' && letter !== '?') {
    return [{ kind: 'event', identity: identityOf(SOURCE, letter) }];
  }
  const lifecycle: OrderLifecycle = {
    state: letter === '2' ? 'paid' : 'placed',
    updatedAtMs: NOW_MS,
    placedAtMs: NOW_MS,
    appendedAtMs: NOW_MS,
    orderKey: 'k'.repeat(22),
    certain: true,
  };
  return [{ kind: 'order', orderId: ORDER, lifecycle }];
}

const parse = (value: Buffer | null): { readonly letter: string; readonly offset: number } =>
  JSON.parse(String(value)) as { letter: string; offset: number };
