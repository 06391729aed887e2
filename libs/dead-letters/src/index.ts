export { type Coordinates } from './headers';
export { buildDeadLetter, type DeadLetterContext, type DeadLetterReason, reasonTexts } from './build-dead-letter';
export { buildBatchDeadLetter } from './build-batch-dead-letter';
export { DeadLetterUnreadableError, parseDeadLetter, type DeadLetter } from './parse-dead-letter';
export { latestDeadLetters, type LatestDeadLettersOptions } from './latest-dead-letters';
export { DeadLetterBacklog, type DeadLetterBacklogOptions } from './dead-letter-backlog';
export { LetterIndex, type LetterGroup, type LetterPage, type LetterPlace } from './lookup/letter-index';
export { CursorRejectedError, type LetterOrder } from './lookup/cursor';
export { hasKeyAndFields, type LetterFilter } from './lookup/letter-filter';
