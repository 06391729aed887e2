import { type Command } from 'commander';
import { integer, pairs, time } from '../arguments';
import { UsageError } from '../errors';
import { splitPair } from '../target';

const MAX_PARTITION = 10_000;

/** What dead letters are chosen by, as options. */
export interface FilterOptions {
  readonly reason?: string;
  readonly fingerprint?: string;
  readonly key?: string;
  readonly eventType?: string;
  readonly from?: string;
  readonly to?: string;
  readonly partition?: number;
  readonly fromOffset?: number;
  readonly toOffset?: number;
  readonly field?: readonly string[];
}

/** Adds the options of a filter. */
export function withFilter(command: Command, now: () => number): Command {
  const offset = integer(0, Number.MAX_SAFE_INTEGER);
  return command
    .option('--reason <code>', 'the first rule that fired, such as reference.unknown_vendor')
    .option('--fingerprint <hex>', 'the group: app, reason and field path; dead-letters groups shows it')
    .option('--key <key>', 'the key of the record')
    .option('--event-type <type>', 'the event type, such as order.placed')
    .option('--from <time>', 'failed at or after: RFC 3339, or how long ago (2h)', time(now))
    .option('--to <time>', 'failed before', time(now))
    .option('--partition <n>', 'partition of the record that failed', integer(0, MAX_PARTITION))
    .option('--from-offset <n>', 'offset of the record that failed: this one or a later one', offset)
    .option('--to-offset <n>', 'offset of the record that failed: below this one', offset)
    .option('--field <name=value>', 'a field of the body equals the value; can be repeated', pairs);
}

/** The filter as the body of a plan has it. */
export function filterOf(options: FilterOptions): Record<string, unknown> {
  const { field, reason, fingerprint, key, eventType, from, to, partition, fromOffset, toOffset } = options;
  return {
    reason,
    fingerprint,
    key,
    eventType,
    from,
    to,
    partition,
    fromOffset,
    toOffset,
    ...(field === undefined ? {} : { fields: fieldsOf(field) }),
  };
}

function fieldsOf(field: readonly string[]): Readonly<Record<string, string>> {
  const values = field.map(splitPair);
  const fields = Object.fromEntries(values);
  const twice = values.find(([name, value]) => fields[name] !== value);
  if (twice === undefined) return fields;
  throw new UsageError(`--field ${twice[0]} has two values, and all conditions must hold: no letter can match.`);
}
