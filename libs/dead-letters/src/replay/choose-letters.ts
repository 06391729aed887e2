import { setImmediate as nextTurn } from 'node:timers/promises';
import { type KafkaRecord } from '@orderstream/kafka';
import { bodyOf, hasKeyAndFields, type LetterFilter } from '../lookup/letter-filter';
import { type LetterIndex } from '../lookup/letter-index';
import { type AnyLetter } from '../import/foreign-letter';
import { DeadLetterUnreadableError, parseDeadLetter } from '../parse-dead-letter';
import { ChosenLetters } from './chosen-letters';
import { readChosen } from './letter-reading';
import { ReplayTooLargeError } from './replay-errors';
import { type PartitionIo } from './replay-io';
import { originOf } from './returned-records';

/** Reasons of an event that failed because an earlier one of its order had. */
const FOLLOWER_REASONS = ['lifecycle.unknown_order', 'lifecycle.illegal_transition'];

export interface ChoosingPlan {
  /** The dead-letter topic. */
  readonly topic: string;
  readonly filter: LetterFilter;
  readonly followers: boolean;
  /** The letter of a record; undefined if it is none. */
  readonly parse: (record: KafkaRecord) => AnyLetter | undefined;
  /** Gets each letter of the filter. */
  readonly onChosen?: (letter: AnyLetter) => void;
}

/** What is chosen in one partition. */
export interface ChosenPartition {
  /** In the order in which the records failed for the first time. */
  readonly letters: ChosenLetters;
  readonly ofFilter: number;
  readonly followers: number;
  /** Records of the topic that are no dead letters. */
  readonly unreadable: number;
}

/**
 * The letters of the plan's filter as the index knows them, by partition, in the order of their offsets. Key and fields are
 * to be compared with the letters. Other work of the process goes on meanwhile: a million letters take a second.
 *
 * @param isOpen whether a letter is below the ends of the preview, and was not returned before
 * @throws ReplayTooLargeError
 */
export async function candidatesOf(
  index: LetterIndex,
  filter: LetterFilter,
  isOpen: (partition: number, offset: number) => boolean,
  max: number,
): Promise<ChosenLetters[]> {
  const found: ChosenLetters[] = [];
  let count = 0;
  for (const places of index.scan(filter)) {
    for (const { topic, partition, offset } of places) {
      if (!isOpen(partition, offset)) continue;
      if (++count > max) throw new ReplayTooLargeError(topic, max);
      (found[partition] ??= new ChosenLetters()).add(offset);
    }
    await nextTurn();
  }
  return found;
}

/** The letters of which the index can say that they may be followers, by partition. */
export async function followerCandidatesOf(
  index: LetterIndex,
  { app, sourceTopic }: LetterFilter,
  isOpen: (partition: number, offset: number) => boolean,
  max: number,
): Promise<ChosenLetters[]> {
  const found: ChosenLetters[] = [];
  for (const reason of FOLLOWER_REASONS) {
    const scope = { ...(app && { app }), ...(sourceTopic === undefined ? {} : { sourceTopic }), reason };
    (await candidatesOf(index, scope, isOpen, max)).forEach((letters, partition) => {
      const all = (found[partition] ??= new ChosenLetters());
      for (let position = 0; position < letters.length; position++) all.add(letters.at(position));
    });
  }
  return found;
}

/** A letter with its place in the order. */
interface Placed {
  readonly offset: number;
  readonly origin: number;
}

/**
 * Chooses among the candidates of one partition by reading them. A follower is a lifecycle event that was rejected because
 * of the state of its order, when an earlier event of this order is chosen.
 */
export async function chooseLetters(
  plan: ChoosingPlan,
  io: Pick<PartitionIo, 'readLetters'>,
  candidates: ChosenLetters,
  followerCandidates: ChosenLetters,
  signal: AbortSignal,
): Promise<ChosenPartition> {
  const isOfFilter = candidates.positions();
  const all = merged(candidates, followerCandidates);
  const chosen: Placed[] = [];
  const possible: (Placed & { readonly order: string })[] = [];
  /** Origin of the first chosen event, by order. */
  const orders = new Map<string, number>();
  let unreadable = 0;
  const take = (record: KafkaRecord | undefined): void => {
    const letter = record === undefined ? undefined : plan.parse(record);
    if (record === undefined || letter === undefined) {
      // What has left the log since is not chosen.
      if (record !== undefined) unreadable++;
      return;
    }
    const placed = { offset: letter.offset, origin: originOf(letter) };
    const order = plan.followers ? orderOf(letter) : undefined;
    if (isOfFilter.of(letter.offset) !== undefined && hasKeyAndFields(plan.filter, letter)) {
      chosen.push(placed);
      plan.onChosen?.(letter);
      if (order !== undefined) orders.set(order, Math.min(orders.get(order) ?? Infinity, placed.origin));
    } else if (order !== undefined && FOLLOWER_REASONS.includes(letter.reason)) {
      possible.push({ ...placed, order });
    }
  };
  await readChosen(
    io,
    all,
    () => true,
    async (record) => {
      take(record);
      await Promise.resolve();
    },
    signal,
  );

  const followers = possible.filter(({ order, origin }) => origin > (orders.get(order) ?? Infinity));
  const letters = new ChosenLetters(Math.max(1, chosen.length + followers.length));
  const inOrder = [...chosen, ...followers].sort((a, b) => a.origin - b.origin || a.offset - b.offset);
  for (const { offset } of inOrder) letters.add(offset);
  return { letters, ofFilter: chosen.length, followers: followers.length, unreadable };
}

/** All offsets of both, ascending, each once. */
function merged(one: ChosenLetters, other: ChosenLetters): ChosenLetters {
  const offsets = new Float64Array(one.length + other.length);
  for (let position = 0; position < one.length; position++) offsets[position] = one.at(position);
  for (let position = 0; position < other.length; position++) offsets[one.length + position] = other.at(position);
  offsets.sort();
  const all = new ChosenLetters(Math.max(1, offsets.length));
  for (const [position, offset] of offsets.entries()) if (offset !== offsets[position - 1]) all.add(offset);
  return all;
}

/** The letter of a service. */
export function parseOwn(record: KafkaRecord): AnyLetter | undefined {
  try {
    return parseDeadLetter(record);
  } catch (error) {
    if (!(error instanceof DeadLetterUnreadableError)) throw error;
    return undefined;
  }
}

function orderOf(letter: AnyLetter): string | undefined {
  const order = bodyOf(letter.value)?.order_id;
  return typeof order === 'string' ? order : undefined;
}
