import type { Family } from '@orderstream/contracts';
import { type KafkaRecord, partitionFor } from '@orderstream/kafka';
import { Catalog, qualitySettings, RuleEvaluator, type StateOverlay } from '@orderstream/quality';
import { evaluateBatch, type EvaluatedBatch, type EvaluationOptions } from '../src/partitions/evaluate-batch';
import { Outputs } from '../src/partitions/outputs';

export const NOW = new Date('2026-03-04T05:06:07.000Z');
const SETTINGS = qualitySettings();

/** Evaluates a batch of a family: unless the options say otherwise by its default rules, with an empty catalog, `NOW`. */
export const evaluate = (
  family: Family,
  records: readonly KafkaRecord[],
  overlay: StateOverlay,
  options: Partial<EvaluationOptions> = {},
): EvaluatedBatch =>
  evaluateBatch(records, overlay, {
    evaluator: new RuleEvaluator({ family, settings: SETTINGS, partitionOf: (key) => partitionFor(key) }),
    catalog: new Catalog(),
    catalogComplete: false,
    outputs: new Outputs(family),
    evaluatedBy: { settings: Buffer.from(SETTINGS.version), catalogPosition: undefined },
    now: NOW,
    ...options,
  });
