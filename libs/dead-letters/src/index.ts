export { DLQ_HEADERS, withoutDeadLetterHeaders, type Coordinates } from './headers';
export {
  buildDeadLetter,
  fingerprint,
  MAX_DETAIL_BYTES,
  type DeadLetterContext,
  type DeadLetterReason,
} from './build-dead-letter';
export { DeadLetterUnreadableError, parseDeadLetter, type DeadLetter } from './parse-dead-letter';
export { latestDeadLetters, type LatestDeadLettersOptions } from './latest-dead-letters';
