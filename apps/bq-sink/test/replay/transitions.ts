import type { TracedStep } from '../../../../test/model-checking/explore';
import type { Transition } from '../model/model-context';
import type { SinkStep } from '../../src/streams/fault-points';
import type { ReplayEnvironment } from './replay-environment';
import type { CallName, SinkProcess } from './sink-process';

/** A step of the model that the code has to take. */
interface RequestedStep {
  readonly environment: ReplayEnvironment;
  /** The process that takes the step; undefined for servers and operators. */
  readonly process: SinkProcess | undefined;
  readonly step: TracedStep;
  /** How long to wait until the code is ready for the step. */
  readonly timeoutMs: number;
}

interface StepReplay {
  /** The steps of the code (SinkStep) that it consists of, in their order. Awaited if a process takes the step. */
  readonly reaches: readonly SinkStep[];
  /** Makes the code take the step; returns undefined if it does not take it. */
  readonly perform: (request: RequestedStep) => Promise<Outcome | undefined>;
}

interface Outcome {
  /** In the format of the model. */
  readonly detail: string;
  /** The process that took the step or received its answer. */
  readonly by?: SinkProcess | undefined;
}

/** Timeout for a call that directly follows another one. */
const FOLLOWING_CALL_TIMEOUT_MS = 10_000;

const withoutProcess = (detail: string): Outcome => ({ detail });

/** Releases the next call of the process, if it has this name. */
async function releaseCall({ process, timeoutMs }: RequestedStep, name: CallName): Promise<Outcome | undefined> {
  const held = await process?.calls.next(name, timeoutMs);
  const detail = await held?.release();
  return detail === undefined ? undefined : { detail, by: process };
}

/** Releases a commit request of the process. The coordinator holds it until it is applied. */
async function sendCommit(request: RequestedStep, name: CallName = 'commit'): Promise<Outcome | undefined> {
  const { environment, process } = request;
  const released = await releaseCall(request, name);
  const pending = environment.coordinator.pending.findLast(({ by }) => by === process);
  if (released === undefined || pending === undefined) return undefined;
  const { reason, writes, inTransaction } = pending;
  const dead = writes.records.map(({ headers }) => String(headers['dlq-source-offset']));
  const letters = dead.length === 0 ? '' : ` with dead letters [${dead.join(' ')}]`;
  const detail = inTransaction
    ? `${reason} ${environment.describePosition(writes.offset, writes.metadata)}${letters}`
    : 'outside of a transaction';
  return { detail, by: process };
}

/** Applies a commit at the coordinator. A process whose answer is lost or late gives the commit up. */
async function applyCommit({ environment, step }: RequestedStep): Promise<Outcome | undefined> {
  const { coordinator } = environment;
  const all = coordinator.pending.map((pending) => {
    const { writes, inTransaction, reason } = pending;
    const position = environment.describePosition(writes.offset, writes.metadata);
    return {
      pending,
      detail: inTransaction || reason === 'assigning' ? position : `outside of a transaction ${position}`,
    };
  });
  const [, lostAnswer = '', to] = /(, unknown to (.))$/.exec(step.detail) ?? [];
  const found = all.find(({ detail }) => detail + lostAnswer === step.detail) ?? all[0];
  if (found === undefined) return undefined;
  const { pending, detail } = found;
  const by = environment.processes.find((process) => process === pending.by && process.isUsable());
  if (to === undefined) {
    coordinator.apply(pending);
    return { detail, by };
  }
  coordinator.applyWithLateAnswer(pending, to);
  await by?.sink.close();
  return withoutProcess(detail + lostAnswer);
}

/** Makes BigQuery process an append. */
async function processAppend({ environment, step }: RequestedStep, isOrphaned: boolean): Promise<Outcome | undefined> {
  const held = environment
    .held()
    .filter(({ sent, append }) => isOrphaned || (sent.by.isUsable() && !append.isAccepted));
  const found =
    held.find(({ detail }) => step.detail.startsWith(`${detail}:`)) ?? (held.length === 1 ? held[0] : undefined);
  if (found === undefined) return undefined;
  const answer = await found.append.process();
  // The model removes orphaned appends that can only fail.
  if (isOrphaned && answer === 'error') return undefined;
  return { detail: `${found.detail}: ${answer}`, by: isOrphaned ? undefined : found.sent.by };
}

const notTaken = (): Promise<undefined> => Promise.resolve(undefined);

/** How the code takes each transition of the model. This is the only place that maps the names of one to the other. */
export const TRANSITIONS: Readonly<Record<Transition, StepReplay>> = {
  fenced: {
    reaches: [],
    perform: async ({ environment, step: { actor: name }, timeoutMs }) => {
      const { owner } = environment.coordinator;
      const isUnowned = !environment.processes.some((process) => process === owner && process.isUsable());
      const process = await environment.assign(name);
      await (await process.calls.next('fence', timeoutMs))?.release();
      return { detail: isUnowned ? '' : 'reassigned', by: process };
    },
  },
  // The code fences and reads the position in one call, and reaches both steps after it.
  'committed-read': {
    reaches: ['fenced', 'committed-read'],
    perform: async (request) => {
      const { environment } = request;
      const { offset, metadata } = environment.coordinator.committed;
      const read = await releaseCall(request, 'read');
      // The first look at the log's bounds directly follows.
      if (read !== undefined) await releaseCall({ ...request, timeoutMs: FOLLOWING_CALL_TIMEOUT_MS }, 'log-bounds');
      return read === undefined ? undefined : { ...read, detail: environment.describePosition(offset, metadata) };
    },
  },
  // Before it finalizes a stream again, the code waits until no append in flight can land in a deleted stream.
  finalized: {
    reaches: ['finalized'],
    perform: async (request) => {
      const mayLand = request.environment.held().some(({ append }) => append.isAccepted);
      if (!mayLand) await (await request.process?.calls.next('wait', request.timeoutMs))?.release();
      const { process, environment, step } = request;
      if (process !== undefined) process.isMisled = step.detail.endsWith('gone') && !environment.areStreamsExpired;
      return releaseCall(request, 'finalize');
    },
  },
  'log-end-read': { reaches: [], perform: (request) => releaseCall(request, 'log-bounds') },
  'max-read': { reaches: ['max-read'], perform: (request) => releaseCall(request, 'last-offset') },
  'stream-created': {
    reaches: ['stream-created', 'commit-begun'],
    perform: async (request) => {
      const { environment, process } = request;
      await process?.feed(environment.end, request.timeoutMs);
      const created = await releaseCall(request, 'create');
      if (created === undefined) return undefined;
      await sendCommit({ ...request, timeoutMs: FOLLOWING_CALL_TIMEOUT_MS });
      const pending = environment.coordinator.pending.findLast(({ by }) => by === process);
      return { detail: `${created.detail}, assigned at ${String(pending?.writes.offset)} in a commit`, by: process };
    },
  },
  'stream-assigned': { reaches: ['committed', 'stream-assigned'], perform: applyCommit },
  'append-sent': {
    reaches: ['append-sent'],
    perform: async ({ environment, process, step: { detail }, timeoutMs }) => {
      if (process === undefined) return undefined;
      const last = Number(/(\d+)\]/.exec(detail)?.[1]);
      process.maxInFlight = 1 + environment.unanswered(process);
      await process.feed(last + 1, timeoutMs);
      const sent = await process.sendNow(timeoutMs);
      if (sent === undefined) return undefined;
      await environment.waitUntilReceived();
      return { detail: environment.describeAppend(sent), by: process };
    },
  },
  'append-answered': { reaches: ['append-answered'], perform: (request) => processAppend(request, false) },
  'orphaned-append': { reaches: [], perform: (request) => processAppend(request, true) },
  'commit-begun': { reaches: ['commit-begun'], perform: (request) => sendCommit(request) },
  committed: { reaches: ['committed'], perform: applyCommit },
  'rejection-settled': {
    reaches: ['rejection-settled', 'commit-begun'],
    perform: (request) => sendCommit(request, 'dead-letter'),
  },
  'rejection-committed': { reaches: ['committed', 'rejection-committed'], perform: applyCommit },
  'stream-ended': {
    reaches: ['stream-ended'],
    perform: (request) => {
      void request.process?.sink.drain(new AbortController().signal);
      return releaseCall(request, 'finalize');
    },
  },
  'end-committed': { reaches: ['committed', 'end-committed'], perform: applyCommit },
  crashed: {
    reaches: [],
    perform: async ({ process }) => {
      if (process?.calls.isAlive() !== true) return undefined;
      await process.kill();
      return withoutProcess('');
    },
  },
  closed: { reaches: [], perform: notTaken },
  'late-answer': {
    reaches: [],
    perform: ({ environment, step: { detail } }) => {
      const isDelivered = environment.coordinator.deliverLateAnswer(detail.replace('to ', ''));
      return Promise.resolve(isDelivered ? withoutProcess(detail) : undefined);
    },
  },
  produced: {
    reaches: [],
    perform: ({ environment }) => Promise.resolve(withoutProcess(String(environment.produce()))),
  },
  // The code opens its producer again.
  'recovered-in-place': { reaches: [], perform: notTaken },
  replayed: {
    reaches: [],
    perform: ({ environment, step: { detail } }) => {
      environment.replayDeadLetter(Number(detail));
      return Promise.resolve(withoutProcess(detail));
    },
  },
  'stream-expired': {
    reaches: [],
    perform: ({ environment }) => Promise.resolve(withoutProcess(environment.expireStreams())),
  },
};
