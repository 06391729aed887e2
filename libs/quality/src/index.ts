export * from './verdict';
export { renderQualityDoc } from './render-quality-doc';
export * from './errors';
export { violated } from './rules/constraint';
export { allowedActions, qualitySettings, type QualitySettings } from './settings';
export {
  catalogLimitsOf,
  evaluationValues,
  type EvaluationValues,
  memorySettings,
  ruleFields,
  stateLimitsOf,
} from './evaluation-settings';
export { RuleEvaluator, type Evaluation, type RuleEvaluatorOptions } from './rule-evaluator';
export { LogEvaluator, outcomeOf } from './log-evaluator';
export { identityOf } from './structure/structure';
export { ContractCheck } from './structure/contract-check';
export { Catalog, type CatalogLimits, type CatalogView, DEFAULT_CATALOG_LIMITS } from './catalog/catalog';
export { type CatalogPosition, decodeCatalogRecord } from './catalog/catalog-records';
export { CatalogVersions, CatalogVersionsOverlay } from './catalog/catalog-versions';
export { type Accounting, emptyAccounting, sumOf } from './state/accounting';
export { DEFAULT_STATE_LIMITS, PartitionState, type StateLimits } from './state/partition-state';
export { passOver } from './state/pass-over';
export { countedAppendMs, StateOverlay } from './state/state-overlay';
export { type OrderLifecycle } from './state/order-memory';
export { type StateRecord } from './state/state-record';
export { type LogMark, readSummary, type StateSummary, SUMMARY_KEY } from './state/state-summary';
export { StateRebuild, type StateRebuildOptions } from './state/state-rebuild';
export { type StateChange, type StateView } from './state/state-view';
export { ruleSubject, type RunTimeActions, runTimeActions } from './run-time-actions';
