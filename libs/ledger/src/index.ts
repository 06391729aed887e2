export { type Accounts, type Counters, isAccountedFor, type Verdicts } from './accounts';
export { Comparison } from './compare';
export { ExpectedRecords } from './expected-records';
export { computeRecordsSince, eventsSince, type JournalMark, markJournal } from './read-journal';
export { NoProgressError } from './no-progress-error';
export { PlantedRecords } from './planted-records';
export { TableReader } from './read-tables';
export {
  type ComparisonResult,
  type RunStart,
  RunVerifier,
  type RunVerifierOptions,
  startOfEverything,
} from './run-verifier';
export { scoreRun, type ScoredRunOptions } from './score-run';
export { type GeneratorProgress, hasOpened, type ValidatorProgress } from './service-progress';
export { type StreamedDays, type StreamedSegment, streamedOrders } from './streamed-orders';
