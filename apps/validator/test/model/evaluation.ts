/**
 * Records and rules, as small as possible with each kind of state in use:
 *
 * - `a`, `b`, `c`: events by their id. Accepted; skipped if the id was accepted before (the event-id window).
 * - `1` places an order, `2` pays it. Rejected unless the order is in the state before.
 * - `x`: always rejected.
 * - `?` places an order if the instance knows what it refers to: two instances may evaluate it differently.
 */
export type Outcome = 'accepted' | 'skipped' | 'rejected';

/** The state of an instance. */
export interface Memory {
  /** Ids of accepted events: bit 0 is `a`. */
  readonly events: number;
  /** The order: 0 unknown, 1 placed, 2 paid. */
  readonly order: number;
  /** Records counted: the sum of the accounting. */
  readonly counted: number;
}

export const NOTHING: Memory = { events: 0, order: 0, counted: 0 };

/** The changes of a batch, to be folded into the memory once. */
export interface Changes {
  /** New ids. */
  readonly events: number;
  /** The order after the batch; undefined if the batch does not change it. */
  readonly order: number | undefined;
  /** Records of the batch. */
  readonly counted: number;
}

export const changesFrom = (before: Memory, after: Memory): Changes => ({
  events: after.events & ~before.events,
  order: after.order === before.order ? undefined : after.order,
  counted: after.counted - before.counted,
});

export const fold = ({ events, order, counted }: Memory, changes: Changes): Memory => ({
  events: events | changes.events,
  order: changes.order ?? order,
  counted: counted + changes.counted,
});

export const isSame = (one: Memory, other: Memory): boolean =>
  one.events === other.events && one.order === other.order && one.counted === other.counted;

/** The possible outcomes of a record that is evaluated with `memory`. */
export function possibleOutcomes(record: string, memory: Memory): readonly Outcome[] {
  switch (record) {
    case '1':
      return memory.order === 0 ? ['accepted'] : ['rejected'];
    case '2':
      return memory.order === 1 ? ['accepted'] : ['rejected'];
    case '?':
      return memory.order === 0 ? ['accepted', 'rejected'] : ['rejected'];
    case 'x':
      return ['rejected'];
    default:
      return (memory.events & eventOf(record)) === 0 ? ['accepted'] : ['skipped'];
  }
}

/** The memory after a record with this outcome. */
export function remember(memory: Memory, record: string, outcome: Outcome): Memory {
  const { events, order, counted } = memory;
  if (outcome !== 'accepted') return { events, order, counted: counted + 1 };
  switch (record) {
    case '1':
    case '?':
      return { events, order: 1, counted: counted + 1 };
    case '2':
      return { events, order: 2, counted: counted + 1 };
    default:
      return { events: events | eventOf(record), order, counted: counted + 1 };
  }
}

const eventOf = (record: string): number => 1 << (record.charCodeAt(0) - 97);

/** A possible evaluation of a batch. */
export interface Evaluation {
  readonly outcomes: readonly Outcome[];
  /** The memory after the batch. */
  readonly memory: Memory;
}

/** All possible evaluations of a batch. */
export function possibleEvaluations(records: string, memory: Memory): readonly Evaluation[] {
  let evaluations: readonly Evaluation[] = [{ outcomes: [], memory }];
  for (const record of records) {
    evaluations = evaluations.flatMap((before) =>
      possibleOutcomes(record, before.memory).map((outcome): Evaluation => {
        return { outcomes: [...before.outcomes, outcome], memory: remember(before.memory, record, outcome) };
      }),
    );
  }
  return evaluations;
}
