import { ProtocolViolation } from '../../../../test/model-checking/model';
import type { Rules } from './bounds';
import { isSame, type Memory, NOTHING, type Outcome, possibleOutcomes, remember } from './evaluation';
import type { State, Transaction } from './state';

/**
 * Applies a transaction as a whole, and checks what readers of committed records see then: each record has one outcome,
 * in the order of the input, and each outcome and the state topic follow from the outcomes before.
 */
export function applyTransaction({ bounds, broken }: Rules, state: State, transaction: Transaction): State {
  const { from, commit, state: topic } = transaction;
  const outcomes = [...state.outcomes];
  transaction.outcomes.forEach((outcome, index) => {
    if (outcomes[from + index] !== undefined)
      throw new ProtocolViolation(`record ${String(from + index)} has two outcomes`);
    outcomes[from + index] = outcome;
  });
  const memory = expectedMemory(bounds.input, outcomes, commit.offset);
  if (!isSame(topic, memory)) {
    throw new ProtocolViolation(`the state of offset ${String(commit.offset)} does not follow from the outcomes`);
  }
  return {
    ...state,
    outcomes,
    stateTopic: topic,
    uncommittedState: broken === 'restoresUncommitted' ? state.uncommittedState : topic,
    committed: broken === 'offsetsOutside' ? state.committed : commit,
    transactions: state.transactions.filter((other) => other !== transaction),
  };
}

/** The memory that follows from the outcomes of the records before `end`. */
export function expectedMemory(input: string, outcomes: readonly (Outcome | undefined)[], end: number): Memory {
  let memory = NOTHING;
  for (let offset = 0; offset < end; offset++) {
    const record = input.charAt(offset);
    const outcome = outcomes[offset];
    if (outcome === undefined) throw new ProtocolViolation(`record ${String(offset)} is lost`);
    if (!possibleOutcomes(record, memory).includes(outcome)) {
      throw new ProtocolViolation(`record ${String(offset)} is ${outcome} by the state of another offset`);
    }
    memory = remember(memory, record, outcome);
  }
  return memory;
}
