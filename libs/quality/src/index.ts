export * from './verdict';
export * from './errors';
export { allowedActions, qualitySettings, type QualitySettings } from './settings';
export { RuleEvaluator, type Evaluation, type RuleEvaluatorOptions } from './rule-evaluator';
export { identityOf } from './structure/structure';
export {
  Catalog,
  type CatalogLimits,
  type CatalogView,
  DEFAULT_CATALOG_LIMITS,
} from './catalog/catalog';
export { type CatalogPosition, decodeCatalogRecord } from './catalog/catalog-records';
export { CatalogVersions, CatalogVersionsOverlay } from './catalog/catalog-versions';
export { type Accounting, emptyAccounting, sumOf } from './state/accounting';
export { DEFAULT_STATE_LIMITS, PartitionState, type StateLimits } from './state/partition-state';
export { StateOverlay } from './state/state-overlay';
export { type OrderLifecycle } from './state/order-memory';
export { type StateRecord } from './state/state-record';
export { readSummary, type StateSummary, SUMMARY_KEY } from './state/state-summary';
export { StateRebuild, type StateRebuildOptions } from './state/state-rebuild';
export { type StateChange, type StateView } from './state/state-view';
