import { type JsonPatch } from './edit';
import {
  isEnded,
  type PlanAction,
  type PlanProblem,
  type PlanState,
  type Preview,
  type ReplayFilter,
  type ReplayOptions,
  TRANSITIONS,
} from './plan';

interface EventBase {
  readonly plan: string;
  readonly at: string;
}

/** Creates a plan. The idempotency key is that of the request. */
export interface CreatedEvent extends EventBase {
  readonly kind: 'created';
  readonly actor: string;
  readonly idempotencyKey: string;
  readonly topic: string;
  readonly filter: ReplayFilter;
  readonly edit?: JsonPatch;
  readonly options: ReplayOptions;
  readonly note?: string;
}

/** A change of a plan's state. It counts only if the plan has the revision before its own. */
export interface ChangedEvent extends EventBase {
  readonly kind: 'changed';
  readonly action: PlanAction;
  /** Of the plan behind the change. */
  readonly revision: number;
  readonly actor?: string;
  /** The console that works on the plan from here on, or that reports. */
  readonly runner?: string;
  readonly preview?: Preview;
  /** Number of the preview: that of its `ChosenEvent`s. */
  readonly previewId?: string;
  /** Where the preview found the ends of other partitions: see `PlanRecord`. */
  readonly receiptsFrom?: readonly number[];
  readonly parkedFrom?: readonly number[];
  readonly rejectedFrom?: Readonly<Record<string, readonly number[]>>;
  readonly error?: PlanProblem;
  readonly outcome?: string;
}

/** A share of the letters that a preview chose. */
export interface ChosenEvent extends EventBase {
  readonly kind: 'chosen';
  readonly previewId: string;
  readonly partition: number;
  /** See `ChosenLetters.encode`. */
  readonly places: string;
}

/** Says that the console works on the plan, and how many of its letters came back. */
export interface BeatEvent extends EventBase {
  readonly kind: 'beat';
  readonly runner: string;
  readonly cameBack?: number;
}

export type PlanEvent = CreatedEvent | ChangedEvent | ChosenEvent | BeatEvent;

/** What the record of the plans holds of one plan, beside its receipts. */
export interface PlanRecord {
  readonly created: CreatedEvent;
  readonly revision: number;
  readonly state: PlanState;
  readonly preview?: Preview | undefined;
  readonly previewId?: string | undefined;
  /** Offset of the first `ChosenEvent` that can be of the preview. */
  readonly chosenFrom?: number | undefined;
  /** Receipts below these offsets, by partition, were there at the preview: what they returned was not chosen. */
  readonly receiptsFrom?: readonly number[] | undefined;
  /** Ends of the parked topic's partitions at the preview. */
  readonly parkedFrom?: readonly number[] | undefined;
  /** Ends at the preview of the partitions of further topics in which returned records arrive when they are rejected again. */
  readonly rejectedFrom?: Readonly<Record<string, readonly number[]>> | undefined;
  readonly runner?: string | undefined;
  /** Whether the letters of the canary have met their fate. */
  readonly isCanaryPassed: boolean;
  readonly cameBack: number;
  readonly error?: PlanProblem | undefined;
  readonly outcome?: string | undefined;
  readonly endedAt?: string | undefined;
  /** Time of the last change of the state. */
  readonly changedAt: string;
}

/** Why an event does not count. */
export type EventRejection = 'state' | 'revision' | 'key' | 'busy' | 'runner' | 'unknown';

/**
 * All plans, as the events so far make them. Pure: the same events make the same plans in every console, and the order of the
 * events decides between operators, and between consoles. An event that does not fit is ignored.
 */
export class PlanBook {
  private readonly plans = new Map<string, PlanRecord>();
  private readonly keys = new Map<string, string>();

  /** In the order of their creation. */
  all(): IterableIterator<PlanRecord> {
    return this.plans.values();
  }

  find(id: string): PlanRecord | undefined {
    return this.plans.get(id);
  }

  /** The plan that was created with this idempotency key. */
  ofKey(idempotencyKey: string): PlanRecord | undefined {
    return this.plans.get(this.keys.get(idempotencyKey) ?? '');
  }

  /** The plan that works on a dead-letter topic. */
  runningOn(topic: string): PlanRecord | undefined {
    for (const plan of this.plans.values()) {
      if (plan.state === 'running' && plan.created.topic === topic) return plan;
    }
    return undefined;
  }

  /** The plan that goes first on a dead-letter topic: the one that runs, or else the one that was created first. */
  firstOn(topic: string): PlanRecord | undefined {
    const running = this.runningOn(topic);
    if (running !== undefined) return running;
    for (const plan of this.plans.values()) {
      if (plan.state === 'waiting' && plan.created.topic === topic) return plan;
    }
    return undefined;
  }

  /**
   * @param offset of the event in the record of the plans
   * @returns why the event does not count; undefined if it does
   */
  apply(event: PlanEvent, offset: number): EventRejection | undefined {
    if (event.kind === 'created') return this.create(event);
    const plan = this.plans.get(event.plan);
    if (plan === undefined) return 'unknown';
    if (event.kind === 'changed') return this.change(plan, event, offset);
    if (event.kind === 'beat' && event.runner === plan.runner && event.cameBack !== undefined) {
      this.plans.set(event.plan, { ...plan, cameBack: Math.max(plan.cameBack, event.cameBack) });
    }
    return undefined;
  }

  private create(event: CreatedEvent): EventRejection | undefined {
    if (this.keys.has(event.idempotencyKey) || this.plans.has(event.plan)) return 'key';
    this.keys.set(event.idempotencyKey, event.plan);
    const changedAt = event.at;
    const progress = { isCanaryPassed: false, cameBack: 0 };
    this.plans.set(event.plan, { created: event, revision: 1, state: 'draft', ...progress, changedAt });
    return undefined;
  }

  private change(plan: PlanRecord, event: ChangedEvent, offset: number): EventRejection | undefined {
    if (event.revision !== plan.revision + 1) return 'revision';
    const state = TRANSITIONS[plan.state][event.action];
    if (state === undefined) return 'state';
    const isBegin = event.action === 'preview' || event.action === 'claim';
    // Of a console that works on the plan: another one may have taken over.
    if (!isBegin && event.runner !== undefined && event.runner !== plan.runner) return 'runner';
    if (event.action === 'claim' && plan.state === 'waiting' && this.runningOn(plan.created.topic) !== undefined) {
      return 'busy';
    }
    const { revision, at: changedAt } = event;
    this.plans.set(event.plan, { ...plan, ...changesOf(plan, event, offset), state, revision, changedAt });
    if (isEnded(state)) this.plans.set(event.plan, { ...this.planOf(event.plan), endedAt: event.at });
    return undefined;
  }

  private planOf(id: string): PlanRecord {
    const plan = this.plans.get(id);
    if (plan === undefined) throw new RangeError(`there is no plan ${id}`);
    return plan;
  }
}

/** What an event sets beside state and revision. */
function changesOf(plan: PlanRecord, event: ChangedEvent, offset: number): Partial<PlanRecord> {
  const { runner, preview, previewId, receiptsFrom, parkedFrom, rejectedFrom, error, outcome } = event;
  switch (event.action) {
    case 'preview':
      return { runner, preview: undefined, previewId: undefined, error: undefined, chosenFrom: offset };
    case 'claim':
      return plan.state === 'previewing' ? { runner, chosenFrom: offset } : { runner };
    case 'previewed':
      return { preview, previewId, receiptsFrom, parkedFrom, rejectedFrom, runner: undefined };
    case 'canaryPassed':
      return { isCanaryPassed: true };
    case 'start':
      return { runner: undefined, outcome: undefined };
    default:
      return { runner: undefined, error, outcome };
  }
}
