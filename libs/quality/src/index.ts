export * from './lifecycle';
export * from './verdict';
export * from './errors';
export {
  allowedActions,
  DEFAULT_STATE_LIMITS,
  qualitySettings,
  type QualitySettings,
  type StateLimits,
  type WindowLimits,
} from './settings';
export { RuleEvaluator, type Evaluation, type RuleEvaluatorOptions } from './rule-evaluator';
export { identityOf } from './structure/structure';
export {
  Catalog,
  type CatalogLimits,
  type CatalogView,
  DEFAULT_CATALOG_LIMITS,
  type ProductVersion,
  type VendorVersion,
} from './catalog/catalog';
export { type Accounting, emptyAccounting, sumOf } from './state/accounting';
export { PartitionState } from './state/partition-state';
export { StateOverlay } from './state/state-overlay';
export { readSummary, type StateRecord, type StateSummary, SUMMARY_KEY } from './state/state-codec';
export { StateRebuild, type StateRebuildOptions } from './state/state-rebuild';
export { type OrderLifecycle, type StateChange, type StateView } from './state/state-view';
