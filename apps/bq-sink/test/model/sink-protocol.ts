import type { Fingerprint } from '../../../../test/model-checking/fingerprint';
import { type Model, type Step, StepList } from '../../../../test/model-checking/model';
import type { Bounds } from './bounds';
import { encodeState } from './encode-state';
import { coordinatorSteps, fencedCommitSteps } from './commits';
import { listOf, Log, only } from './log';
import { close, membershipSteps } from './membership';
import { fallbackSteps, fencedSteps, finalizeSteps, logEndSteps, readySteps } from './recovery';
import type { BreakName, Rules, SinkSteps, Transition, StepContext } from './model-context';
import { answerSteps, endingSteps, orphanedAppendSteps, runningSteps } from './running';
import { expireStreams } from './servers';
import { initialState, type Process, spend, type State, streamOf } from './state';

/**
 * The sink's exactly-once protocol (docs/sink-protocol.md): one partition of the log, two processes, Kafka's coordinator
 * and BigQuery. Every remote call is one atomic step. A transition that is a step of the code has the same name.
 *
 * Assumptions: consumers do not read aborted transactions. A producer is open only after the transactions of older ones
 * have ended. The log loses no record and no other program writes to the table, so every stop is a violation. Appends in
 * flight may be applied in any order, because a process can have more than one connection.
 */
export class SinkProtocol implements Model<State> {
  readonly symmetries = 2;
  private readonly log: Log;
  /** Indexed by the end of the log. */
  private readonly rules: readonly Rules[];

  constructor(
    private readonly bounds: Bounds,
    broken?: BreakName,
  ) {
    const log = new Log(bounds.log);
    this.log = log;
    this.rules = Array.from({ length: log.end + 1 }, (_, end) => ({ bounds, log: log.upTo(end), broken }));
  }

  start(): State {
    return initialState(this.bounds);
  }

  steps(state: State): readonly Step<State>[] {
    const rules = this.rules[state.end] as Rules;
    const list = new StepList<State, Transition>(state, (next) => this.normalize(next));
    state.processes.forEach((process, i) => {
      processSteps({ rules, state, i, process, steps: list });
    });
    orphanedAppendSteps(rules, state, list);
    coordinatorSteps(rules, state, list);
    this.environmentSteps(state, list);
    return list.steps;
  }

  /** At rest, an owner has reached the end of the log and no record is missing. */
  wrongAtRest(state: State): string | undefined {
    const { log } = this;
    const owner = state.processes.find((process) => process.owner);
    if (owner?.at !== 'running' && owner?.at !== 'ready') return 'stuck before the end of the log';
    const next = owner.at === 'running' ? owner.next : owner.offset;
    if (log.nextRecord(next) < log.end) return 'stuck before the end of the log';
    const missing = listOf(log.records & ~(state.table | state.dead))[0];
    return missing === undefined ? undefined : `record ${String(missing)} is lost`;
  }

  encode(state: State, symmetry: number, out: Fingerprint): void {
    encodeState(state, symmetry === 1, out);
  }

  private environmentSteps(state: State, steps: SinkSteps): void {
    const { bounds, log } = this;
    const { end } = state;
    if (end < log.end)
      steps.add(
        'producer',
        'produced',
        () => String(end),
        () => ({ ...state, end: end + 1 }),
      );
    if (state.budget.expiries > 0) {
      const spent = spend(state, 'expiries');
      const mayLand = bounds.acceptedMayLandAfterExpiry;
      const assigned = state.committed?.stream ?? -1;
      if (assigned >= 0 && streamOf(state, assigned).status !== 'gone') {
        steps.add(
          'BigQuery',
          'stream-expired',
          () => `s${String(assigned)}`,
          () => {
            return expireStreams(spent, (stream) => stream === assigned, mayLand);
          },
        );
      }
      if (state.streams.length > 1) {
        steps.add(
          'BigQuery',
          'stream-expired',
          () => 'all streams',
          () => expireStreams(spent, () => true, mayLand),
        );
      }
    }
    if (!bounds.replays) return;
    for (const offset of listOf(state.dead & ~state.replayed)) {
      steps.add(
        'operator',
        'replayed',
        () => String(offset),
        () => ({ ...state, replayed: state.replayed | only(offset) }),
      );
    }
  }

  /** Removes what has no further effect: orphaned appends that can only fail, and processes that cannot affect others. */
  private normalize(state: State): State {
    let next = state;
    if (state.orphaned.length > 0) {
      const orphaned = state.orphaned.filter(({ stream, at, accepted }) => {
        const { status, rows } = streamOf(state, stream);
        return status === 'open' ? at >= rows : status === 'gone' && accepted;
      });
      if (orphaned.length < state.orphaned.length) next = { ...next, orphaned };
    }
    for (let i = 0; i < 2; i++) if (this.cannotAffectOthers(next.processes[i] as Process)) next = close(next, i);
    return next;
  }

  private cannotAffectOthers(process: Process): boolean {
    if (process.owner) return false;
    switch (process.at) {
      case 'ready':
      case 'assigning':
      case 'ending':
        return true;
      case 'failed':
        return !this.bounds.recoversInPlace && process.readBeforeFence === undefined && process.reusable === undefined;
      default:
        return false;
    }
  }
}

function processSteps(context: StepContext<Process>): void {
  const { process } = context;
  membershipSteps(context);
  fencedCommitSteps(context);
  switch (process.at) {
    case 'closed':
    case 'assigning':
    case 'failed':
      break;
    case 'fenced': {
      fencedSteps({ ...context, process });
      return;
    }
    case 'committed-read':
    case 'not-found': {
      finalizeSteps({ ...context, process });
      return;
    }
    case 'uncounted': {
      fallbackSteps({ ...context, process });
      return;
    }
    case 'finalized':
    case 'max-read': {
      logEndSteps({ ...context, process });
      return;
    }
    case 'ready': {
      readySteps({ ...context, process });
      return;
    }
    case 'running':
      runningSteps({ ...context, process });
      {
        answerSteps({ ...context, process });
        return;
      }
    case 'ending': {
      endingSteps({ ...context, process });
      return;
    }
  }
}
