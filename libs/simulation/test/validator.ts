import { compileChecks, FAMILIES } from '@orderstream/contracts';
import { partitionFor } from '@orderstream/kafka';
import {
  Catalog,
  PartitionState,
  qualitySettings,
  RuleEvaluator,
  StateOverlay,
  type Verdict,
} from '@orderstream/quality';
import { encodeBody, type SimulatedEvent } from '../src';

/** The validator's rules with their state, record by record. */
export class Validator {
  readonly catalog = new Catalog();
  private readonly evaluators = new Map(
    FAMILIES.map((family) => [
      family,
      new RuleEvaluator({ family, settings: qualitySettings(), partitionOf: (key) => partitionFor(key) }),
    ]),
  );
  private readonly states = new Map<string, PartitionState>();
  private evaluated = 0;

  evaluate(event: SimulatedEvent): Verdict {
    const { family, key, headers, emittedMicros } = event;
    const partition = partitionFor(key);
    const place = `${family}/${partition}`;
    const state = this.states.get(place) ?? new PartitionState();
    this.states.set(place, state);
    const appendMs = Math.ceil(emittedMicros / 1_000);
    const overlay = new StateOverlay(state);
    overlay.advanceTo(appendMs, appendMs);
    const record = { partition, timestamp: appendMs, key: Buffer.from(key), value: encodeBody(event), headers };
    const evaluation = this.evaluators.get(family)?.evaluate(record, overlay, this.catalog, true);
    if (evaluation === undefined) throw new Error(`no rules for ${family}`);
    overlay.settle(evaluation.verdict, evaluation.changes);
    overlay.fold(++this.evaluated);
    if (family === 'catalog' && evaluation.verdict.kind === 'accept') this.catalog.apply(event.body);
    return evaluation.verdict;
  }
}

const CHECKS = compileChecks();

/** Whether the body meets its contract as it is, before it is encoded. */
export const meetsContract = ({ type, body }: SimulatedEvent): boolean =>
  CHECKS.get(type)?.(body as unknown as Readonly<Record<string, unknown>>) === true;
