import { ProtocolViolation } from '../../../../test/model-checking/model';
import type { Rules } from './bounds';
import { isSame, type Memory, NOTHING, type Outcome, remember, verdicts } from './evaluation';
import type { State, Transaction } from './state';

/**
 * A transaction takes effect, all of it at once. What readers of committed records see then must be right: each record has
 * one outcome, in the order of the input, and the very one that follows from the outcomes before; and the state topic says
 * what follows from them too.
 */
export function applyTransaction({ bounds, broken }: Rules, state: State, transaction: Transaction): State {
  const { from, position, state: topic } = transaction;
  const outcomes = [...state.outcomes];
  transaction.outcomes.forEach((outcome, index) => {
    if (outcomes[from + index] !== undefined)
      throw new ProtocolViolation(`record ${String(from + index)} has two outcomes`);
    outcomes[from + index] = outcome;
  });
  const memory = rightMemory(bounds.input, outcomes, position.offset);
  if (!isSame(topic, memory)) {
    throw new ProtocolViolation(`the state of ${String(position.offset)} does not follow from the outcomes`);
  }
  return {
    ...state,
    outcomes,
    stateTopic: topic,
    uncommittedState: broken === 'restoresUncommitted' ? state.uncommittedState : topic,
    committed: broken === 'offsetsOutside' ? state.committed : position,
    transactions: state.transactions.filter((other) => other !== transaction),
  };
}

/** What follows from the outcomes of the records before `end`. */
export function rightMemory(input: string, outcomes: readonly (Outcome | undefined)[], end: number): Memory {
  let memory = NOTHING;
  for (let offset = 0; offset < end; offset++) {
    const record = input.charAt(offset);
    const outcome = outcomes[offset];
    if (outcome === undefined) throw new ProtocolViolation(`record ${String(offset)} is lost`);
    if (!verdicts(record, memory).includes(outcome)) {
      throw new ProtocolViolation(`record ${String(offset)} is ${outcome} by a state that is not that of its offset`);
    }
    memory = remember(memory, record, outcome);
  }
  return memory;
}
