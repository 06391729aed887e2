import {
  compileChecks,
  EVENT_CONTRACTS,
  type EventContract,
  type Family,
  type OrderPlaced,
  timestampMicros,
} from '@orderstream/contracts';
import type { CatalogView } from './catalog/catalog';
import { violated } from './rules/constraint';
import { Findings } from './rules/findings';
import { checkLifecycle, checkReferences, checkRegistration, orderChanges, orderKeyOf } from './rules/order-rules';
import { checkNotAhead, checkOccurrence, type Occurrence } from './rules/times';
import type { QualitySettings } from './settings';
import type { StateChange, StateView } from './state/state-view';
import { type ContractedEvent, Structure } from './structure/structure';
import type { RawRecord, Reference, Verdict } from './verdict';

/** The verdict on a record, and its changes to the state. */
export interface Evaluation {
  readonly verdict: Verdict;
  /** Empty unless the record was accepted or repaired. */
  readonly changes: readonly StateChange[];
}

const NO_CHANGES: readonly StateChange[] = [];
const NO_REFERENCES: readonly Reference[] = [];

export interface RuleEvaluatorOptions {
  readonly family: Family;
  readonly settings: QualitySettings;
  /** Partition of a key, as the producers' partitioner computes it. */
  readonly partitionOf: (key: Buffer) => number;
}

/**
 * Evaluates the records of one family by every rule. Pure: the result depends on the record, the state and the catalog
 * only; "now" is the record's append time.
 *
 * Hot: a valid order.placed costs one JSON.parse, the compiled checks, one hash and a few small objects. `npm run
 * bench` measures the validator with all rules.
 */
export class RuleEvaluator {
  private readonly structure: Structure;
  private readonly findings: Findings;

  constructor(private readonly options: RuleEvaluatorOptions) {
    const { family, settings, partitionOf } = options;
    const contracts: ReadonlyMap<string, EventContract> = new Map(
      [...EVENT_CONTRACTS].filter(([, contract]) => contract.family === family),
    );
    this.structure = new Structure(contracts, compileChecks(), settings.maxRecordBytes, partitionOf);
    this.findings = new Findings(settings.actions);
  }

  /**
   * @param catalogComplete Whether everything that was announced before the record was received has been read. If so, a
   * reference that the catalog does not contain is unknown. If not, a record with such a reference waits.
   */
  evaluate(record: RawRecord, state: StateView, catalog: CatalogView, catalogComplete: boolean): Evaluation {
    const { findings } = this;
    findings.reset();
    const event = this.structure.check(record, findings);
    if (event === undefined) return { verdict: findings.verdict(undefined), changes: NO_CHANGES };
    if (state.hasEvent(event.identity) && findings.enabled('duplicate.event')) {
      const constraint = violated('isNew', 'an event that was not accepted before', String(event.body.event_id));
      findings.fire('duplicate.event', 'event_id', constraint);
      // The state already contains this event's changes, so other rules would fire on the event's own effects.
      if (findings.rejected) return { verdict: findings.verdict(event.body), changes: NO_CHANGES };
    }
    const { family, settings } = this.options;
    const occurredAt = String(event.body.occurred_at);
    const occurrence = { occurredAt, occurredMicros: timestampMicros(occurredAt), appendMs: record.timestamp };
    checkOccurrence(occurrence, settings, findings);
    const changes: StateChange[] = [{ kind: 'event', identity: event.identity }];
    if (family === 'customers') {
      const path = 'customer_registered_at';
      checkNotAhead(path, String(event.body[path]), occurrence, settings, findings);
    }
    if (family === 'orders') {
      const missing = this.evaluateOrder(event, occurrence, state, catalog, catalogComplete, changes);
      if (missing.length > 0) return { verdict: { kind: 'wait', missing }, changes: NO_CHANGES };
    }
    const verdict = findings.verdict(event.body);
    const remembered = verdict.kind === 'accept' || verdict.kind === 'repair';
    return { verdict, changes: remembered ? changes : NO_CHANGES };
  }

  /** Returns the references that the record must wait for. */
  private evaluateOrder(
    event: ContractedEvent,
    occurrence: Occurrence,
    state: StateView,
    catalog: CatalogView,
    catalogComplete: boolean,
    changes: StateChange[],
  ): readonly Reference[] {
    const { findings } = this;
    const { settings } = this.options;
    const { type, body } = event;
    checkNotAhead('order_placed_at', String(body.order_placed_at), occurrence, settings, findings);
    if (type !== 'order.placed') {
      const lifecycle = checkLifecycle(type, body, undefined, settings.maxAheadMs, state, findings);
      orderChanges(body, lifecycle, true, changes);
      return NO_REFERENCES;
    }
    const order = body as unknown as OrderPlaced;
    checkRegistration(order, occurrence, state, settings, findings);
    const orderKey = orderKeyOf(order);
    if (state.hasOrderKey(orderKey)) {
      const constraint = violated('isNewOrder', 'no other order of this vendor and time', order.order_placed_at);
      findings.fire('duplicate.order', 'order_placed_at', constraint);
    }
    // A record that is rejected anyway does not wait for the catalog. Without the check its reasons do not depend on
    // how much of the catalog was read.
    const missing = findings.rejected
      ? NO_REFERENCES
      : checkReferences(order, occurrence.occurredMicros, catalog, catalogComplete, findings);
    const lifecycle = checkLifecycle(type, body, orderKey, settings.maxAheadMs, state, findings);
    orderChanges(body, lifecycle, state.registration(order.customer_id) !== undefined, changes);
    return missing;
  }
}
