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

import { type Memory, type Outcome, verdicts } from '../model/evaluation';

const SOURCE = '/replay';
const ORDER = 'order-1';
const EVENTS = ['a', 'b', 'c'];
const ORDER_STATES = ['placed', 'paid'] as const;
/** Append time of all records: no window runs out. */
const NOW_MS = Date.UTC(2026, 0, 2);

/** Records of an input of the model, one letter for each, as a task would hand them over. */
export function lettersOf(input: string, from: number, end: number, topic: string, partition: number): RecordBatch {
  const records = Array.from(input.slice(from, end), (letter, index): KafkaRecord => {
    const offset = from + index;
    // Only events are recognized when they come again.
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
  return { topic, partition, records, nextOffset: end, highWatermark: input.length };
}

/** Offset in the input of a record that was passed on. */
export const offsetOf = ({ value }: { readonly value: Buffer | null }): number => read(value).offset;

/** What a partition's state holds, in the terms of the model. */
export function memoryOf(state: PartitionState): Memory {
  return { ...viewOf(new StateOverlay(state)), counted: state.accounting.input };
}

/** All that a state holds which a restore gives too: for comparing one with the other. */
export function contentsOf(state: PartitionState): unknown {
  const { eventRecords, accounting, nextOffset } = state;
  return { ...memoryOf(state), firsts: [...eventRecords.firsts], nextEvent: eventRecords.next, accounting, nextOffset };
}

/** Evaluates letters by the state of the code as the model evaluates them by its memory. */
export class LetterEvaluator extends RuleEvaluator {
  /** What becomes of a record about which instances may differ. */
  undecided: Outcome = 'accepted';
  /** What became of the records since this was emptied. */
  readonly outcomes: Outcome[] = [];

  constructor(family: Family) {
    super({ family, settings: qualitySettings(), partitionOf: () => 0 });
  }

  override evaluate(record: RawRecord, state: StateView): Evaluation {
    const { letter } = read(record.value);
    const possible = verdicts(letter, { ...viewOf(state), counted: 0 });
    const outcome = possible.includes(this.undecided) ? this.undecided : (possible[0] ?? 'rejected');
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
  };
  return [{ kind: 'order', orderId: ORDER, lifecycle }];
}

const read = (value: Buffer | null): { readonly letter: string; readonly offset: number } =>
  JSON.parse(String(value)) as { letter: string; offset: number };
