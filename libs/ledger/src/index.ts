export { type Accounts, type Counters, isAccountedFor, type Verdicts } from './accounts';
export { Comparison } from './compare';
export { type LedgerMark, markLedger, readLedgerSince } from './ledger-files';
export { NoProgressError } from './no-progress-error';
export { PlantedRecords } from './planted-records';
export { TableReader } from './read-tables';
export { RunLedger } from './run-ledger';
export {
  type ComparisonResult,
  type RunStart,
  RunVerifier,
  type RunVerifierOptions,
  startOfEverything,
} from './run-verifier';
export { type GeneratorProgress, hasOpened, type ValidatorProgress } from './service-progress';
