export { type Coordinates, headerText, recordHeaderBytes, withoutDeadLetterHeaders } from './headers';
export {
  buildDeadLetter,
  type DeadLetterContext,
  type DeadLetterReason,
  fingerprint,
  reasonTexts,
} from './build-dead-letter';
export { isParked, NOT_REPLAYED, retriedSource } from './retried-record';
export { buildBatchDeadLetter } from './build-batch-dead-letter';
export { parseDeadLetter, type DeadLetter } from './parse-dead-letter';
export { latestDeadLetters, type LatestDeadLettersOptions } from './latest-dead-letters';
export { DeadLetterBacklog, type DeadLetterBacklogOptions } from './dead-letter-backlog';
