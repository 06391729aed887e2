import { isDeepStrictEqual } from 'node:util';
import { emptyRanges, type LetterFilter } from '../lookup/letter-filter';
import { patchProblems } from './edit';
import { DEFAULT_OPTIONS, type ReplayFilter, type ReplayOptions, type ReplayRequest } from './plan';
import { type CreatedEvent } from './plan-events';
import { ReplayInvalidError } from './replay-errors';
import { type LetterTopic, replayTopicOf } from './replay-topic';

/** Letters per second. */
export const MAX_REPLAY_RATE = 10_000;
const MAX_CANARY = 100_000;
const MAX_TEXT = 1_000;

/** What a plan is created from, with the defaults of what was not given. */
export type CheckedRequest = Pick<CreatedEvent, 'topic' | 'filter' | 'edit' | 'options' | 'note'>;

/**
 * @param foreign dead-letter topics of other programs
 * @throws ReplayInvalidError with every problem
 */
export function checkRequest(request: ReplayRequest, foreign: ReadonlySet<string>): CheckedRequest {
  const { topic, filter, edit, note } = request;
  const problems: string[] = [];
  const own = replayTopicOf(topic);
  const isKnown = own !== undefined || foreign.has(topic);
  if (!isKnown) {
    problems.push(
      'topic: expected a dead-letter topic, such as marketplace.orders.raw.v1.dlq.validator, or one of FOREIGN_DEAD_LETTER_TOPICS',
    );
  }
  problems.push(...filterProblems(filter));
  const options: ReplayOptions = {
    includeDuplicates: request.includeDuplicates ?? DEFAULT_OPTIONS.includeDuplicates,
    followers: request.followers ?? DEFAULT_OPTIONS.followers,
    ratePerSecond: request.ratePerSecond ?? DEFAULT_OPTIONS.ratePerSecond,
    canary: request.canary ?? DEFAULT_OPTIONS.canary,
    stopAboveShare: request.stopAboveShare ?? DEFAULT_OPTIONS.stopAboveShare,
  };
  if (!(options.ratePerSecond > 0 && options.ratePerSecond <= MAX_REPLAY_RATE)) {
    problems.push(`ratePerSecond: expected a number above 0, at most ${String(MAX_REPLAY_RATE)}`);
  }
  if (!Number.isInteger(options.canary) || options.canary < 0 || options.canary > MAX_CANARY) {
    problems.push(`canary: expected an integer from 0 to ${String(MAX_CANARY)}`);
  }
  if (!(options.stopAboveShare >= 0 && options.stopAboveShare <= 1)) {
    problems.push('stopAboveShare: expected a number from 0 to 1');
  }
  if (edit !== undefined && isKnown) problems.push(...patchProblems(edit, own?.family));
  if (note !== undefined && note.length > MAX_TEXT)
    problems.push(`note: expected at most ${String(MAX_TEXT)} characters`);
  if (problems.length > 0) throw new ReplayInvalidError(problems);
  return { topic, filter, options, ...(edit === undefined ? {} : { edit }), ...(note === undefined ? {} : { note }) };
}

/** Whether the plan was created from an equal request. */
export function isSameRequest(created: CreatedEvent, { topic, filter, edit, options, note }: CheckedRequest): boolean {
  const other = { topic: created.topic, filter: created.filter, edit: created.edit, options: created.options };
  // In the form in which the record of the plans holds them.
  const stored: unknown = JSON.parse(JSON.stringify({ topic, filter, edit, options, note }));
  return isDeepStrictEqual(JSON.parse(JSON.stringify({ ...other, note: created.note })), stored);
}

function filterProblems(filter: ReplayFilter): string[] {
  const problems: string[] = [];
  for (const name of ['reason', 'fingerprint', 'key', 'eventType'] as const) {
    if ((filter[name]?.length ?? 0) > MAX_TEXT)
      problems.push(`filter.${name}: expected at most ${String(MAX_TEXT)} characters`);
  }
  for (const name of ['from', 'to'] as const) {
    const time = filter[name];
    if (time !== undefined && Number.isNaN(Date.parse(time)))
      problems.push(`filter.${name}: expected an RFC 3339 time`);
  }
  for (const name of ['partition', 'fromOffset', 'toOffset'] as const) {
    const value = filter[name];
    if (value !== undefined && (!Number.isSafeInteger(value) || value < 0)) {
      problems.push(`filter.${name}: expected an integer from 0`);
    }
  }
  for (const [name, value] of Object.entries<unknown>(filter.fields ?? {})) {
    if (typeof value === 'string' && value.length <= MAX_TEXT && name.length <= MAX_TEXT) continue;
    problems.push(
      `filter.fields.${name.slice(0, 100)}: expected the text of its value, at most ${String(MAX_TEXT)} characters`,
    );
  }
  if (Object.keys(filter.fields ?? {}).length > 20) problems.push('filter.fields: expected at most 20 fields');
  // Problems of single bounds are named first.
  if (problems.length === 0) problems.push(...emptyRanges(rangesOf(filter)).map((text) => `filter: ${text}`));
  return problems;
}

function rangesOf({ from, to, fromOffset, toOffset }: ReplayFilter) {
  return {
    ...(from === undefined ? {} : { failedFrom: new Date(from) }),
    ...(to === undefined ? {} : { failedUntil: new Date(to) }),
    ...(fromOffset === undefined ? {} : { sourceOffsetFrom: fromOffset }),
    ...(toOffset === undefined ? {} : { sourceOffsetUntil: toOffset }),
  };
}

/** The filter of a plan as the index of the letters takes it. */
export function letterFilterOf(filter: ReplayFilter, topic: LetterTopic): LetterFilter {
  const { reason, fingerprint, key, eventType, partition, fields } = filter;
  return {
    ...(topic.kind === 'foreign' ? { topic: topic.topic } : { app: topic.app, sourceTopic: topic.source }),
    ...(reason === undefined ? {} : { reason }),
    ...(fingerprint === undefined ? {} : { fingerprint }),
    ...(key === undefined ? {} : { key }),
    ...(eventType === undefined ? {} : { eventType }),
    ...(partition === undefined ? {} : { sourcePartition: partition }),
    ...rangesOf(filter),
    ...(fields === undefined ? {} : { fields }),
  };
}
