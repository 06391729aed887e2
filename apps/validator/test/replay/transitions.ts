import type { TracedStep } from '../../../../test/model-checking/explore';
import { formatCommit, formatMemory, type Transition, WHILE_RESTORING } from '../model/loop';
import type { FaultPoint } from '../../src/partitions/fault-points';
import { memoryOf } from './model-records';
import type { Replay } from './replay';
import type { ReplayedProcess } from './replayed-process';

/** A step of the model, to be taken by the code. */
interface StepRequest {
  readonly replay: Replay;
  /** The process that takes it; undefined if there is none of the actor's name. */
  readonly process: ReplayedProcess | undefined;
  readonly step: TracedStep;
  /** How long the code has for it. */
  readonly timeoutMs: number;
}

export interface TakenStep {
  /** Where the code has two ways: the transition that it took. */
  readonly name?: Transition;
  /** The outcome, in the words of the model. */
  readonly detail: string;
  /** The process that took the step, or learned of it. */
  readonly by?: ReplayedProcess | undefined;
}

interface TransitionReplay {
  /** Fault points that the process reaches by it. */
  readonly reaches: readonly FaultPoint[];
  /** Lets the code take the step. Undefined if it takes no such step. */
  readonly take: (request: StepRequest) => Promise<TakenStep | undefined>;
}

/**
 * The state is brought to the committed offset: from memory (`settled`) or from its topic (`restored`). If it is of
 * another offset, a fenced owner closes.
 */
async function restore({ process, timeoutMs }: StepRequest): Promise<TakenStep | undefined> {
  const held = await process?.calls.next('restore', timeoutMs);
  if (held === undefined || process === undefined) return undefined;
  await held.release();
  if (!(await process.opensOrReads())) {
    await (await process.calls.next('read', 0))?.release();
    await process.untilOpen().catch(() => undefined);
    return { name: 'closed', detail: WHILE_RESTORING };
  }
  const { state, stateBefore } = process;
  if (state === undefined) return undefined;
  const name = state === stateBefore ? 'settled' : 'restored';
  return { name, detail: formatMemory(memoryOf(state)), by: process };
}

const nothing = (): Promise<undefined> => Promise.resolve(undefined);

/** How the code takes each transition of the model: the only place that knows the names of both. */
export const TRANSITIONS: Readonly<Record<Transition, TransitionReplay>> = {
  // The fault point of this name comes after the read, which the code does in the same call.
  fenced: {
    reaches: [],
    take: async ({ replay, step: { actor: name }, timeoutMs }) => {
      const { owner } = replay;
      const process = replay.process(name);
      const isFree = owner === undefined || (owner === process && !owner.isWell);
      await process.open(owner !== process);
      replay.owner = process;
      await (await process.calls.next('fence', timeoutMs))?.release();
      return { detail: isFree ? '' : 're-assigned', by: process };
    },
  },
  'committed-read': {
    reaches: ['fenced'],
    take: async ({ replay, process, timeoutMs }) => {
      const held = await process?.calls.next('read', timeoutMs);
      if (held === undefined) return undefined;
      const { offset, commit } = await replay.committed();
      await held.release();
      return { detail: formatCommit({ offset, token: commit }), by: process };
    },
  },
  restored: { reaches: ['restored'], take: restore },
  settled: { reaches: ['restored'], take: restore },
  // Includes writing the transaction, up to the request that ends it.
  evaluated: {
    reaches: ['evaluated'],
    take: async ({ process, step: { detail }, timeoutMs }) => {
      const [, to, last] = /to (\d+) .*?(\w+)$/.exec(detail) ?? [];
      if (process === undefined || to === undefined) return undefined;
      process.evaluator.preferred = last === 'rejected' ? 'rejected' : 'accepted';
      const from = process.handOver(Number(to) + 1);
      if (from === undefined || !(await process.calls.waitsFor('commit', timeoutMs))) return undefined;
      return { detail: `${String(from)} to ${to} ${process.evaluator.outcomes.join(', ')}`, by: process };
    },
  },
  committed: {
    reaches: ['committed', 'folded'],
    take: async ({ replay, step: { detail }, timeoutMs }) => {
      const number = Number(/by commit (\d+)/.exec(detail)?.[1]);
      const process = replay.allProcesses.find(({ commit, calls }) => commit === number && calls.has('commit'));
      const held = await process?.calls.next('commit', 0);
      if (held === undefined || process === undefined) return undefined;
      const [, unknownTo = ''] = /(, unknown to .)$/.exec(detail) ?? [];
      if ((await held.release(unknownTo === '' ? 'answered' : 'late')) === undefined) return undefined;
      if (unknownTo !== '') process.giveUp(number);
      const { offset, commit } = await replay.committedBy(number, timeoutMs);
      const isAnswered = unknownTo === '' && process.calls.isAlive();
      return {
        detail: `${formatCommit({ offset, token: commit })}${unknownTo}`,
        by: isAnswered ? process : undefined,
      };
    },
  },
  'late-answer': {
    reaches: [],
    take: async ({ replay, step: { detail } }) => {
      const [, to = ''] = / to (.)$/.exec(detail) ?? [];
      const commit = await replay.processes.get(to)?.receiveLateAnswer();
      return commit === undefined ? undefined : { detail: `commit ${String(commit)} to ${to}` };
    },
  },
  folded: { reaches: [], take: nothing },
  waiting: { reaches: [], take: nothing },
  failed: {
    reaches: [],
    take: async ({ process }) => {
      const held = await process?.calls.next('commit', 0);
      if (held === undefined) return undefined;
      await held.release('undone');
      await process?.outcome();
      return { detail: 'stops waiting for the commit' };
    },
  },
  crashed: {
    reaches: [],
    take: ({ replay, step: { actor: name } }) =>
      Promise.resolve(replay.kill(name) === undefined ? undefined : { detail: '' }),
  },
  // An owner that is fenced at a commit closes when it opens again: no step of a replay.
  closed: { reaches: [], take: (request) => (request.step.detail === WHILE_RESTORING ? restore(request) : nothing()) },
  // Only a broken loop takes it.
  'read-before-fence': { reaches: [], take: nothing },
};
