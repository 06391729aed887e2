export { type Coordinates, headerText, recordHeaderBytes, replayOf, withoutDeadLetterHeaders } from './headers';
export {
  buildDeadLetter,
  type DeadLetterContext,
  type DeadLetterReason,
  fingerprint,
  reasonTexts,
} from './build-dead-letter';
export { isParked, NOT_REPLAYED, retriedSource } from './retried-record';
export { buildBatchDeadLetter } from './build-batch-dead-letter';
export { DeadLetterUnreadableError, parseDeadLetter, type DeadLetter } from './parse-dead-letter';
export { latestDeadLetters, type LatestDeadLettersOptions } from './latest-dead-letters';
export { DeadLetterBacklog, type DeadLetterBacklogOptions } from './dead-letter-backlog';
export { LetterIndex, type LetterGroup, type LetterPage, type LetterPlace } from './lookup/letter-index';
export { CursorRejectedError, type LetterOrder } from './lookup/cursor';
export { emptyRanges, hasKeyAndFields, type LetterFilter } from './lookup/letter-filter';
export { type IndexedLetters } from './replay/indexed-letters';
export { type EvaluationSettings } from './replay/dry-run';
export { MAX_REPLAY_RATE } from './replay/plan-request';
export { ReplayPlans, type ReplayPlansOptions } from './replay/replay-plans';
export { type JsonPatch, type PatchOperation } from './replay/edit';
export {
  DEFAULT_OPTIONS as DEFAULT_REPLAY_OPTIONS,
  type Plan,
  type PlanState,
  type Preview,
  type Progress,
  type Receipt,
  type ReceiptPage,
  type ReplayFilter,
  type ReplayOptions,
  type ReplayRequest,
  type SettingDifference,
} from './replay/plan';
export {
  ReplayChangedError,
  ReplayInvalidError,
  ReplayKeyReusedError,
  ReplayStateError,
  ReplayTooLargeError,
  ReplayTopicMissingError,
  ReplayUnavailableError,
  ReplayUnknownError,
} from './replay/replay-errors';
export { type AnyLetter, parseForeignLetter } from './import/foreign-letter';
