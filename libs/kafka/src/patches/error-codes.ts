import { loadFromKafkajs } from '../client/kafkajs-internals';

interface ErrorEntry {
  readonly type: string;
  readonly code: number;
  readonly retriable: boolean;
  readonly message: string;
}

const { errorCodes } = loadFromKafkajs('kafkajs/src/protocol/error.js') as { errorCodes: ErrorEntry[] };

/** Errors that brokers return and kafkajs 2.2.4 does not know: it gives each of them the code -99. */
const MISSING: readonly ErrorEntry[] = [
  {
    type: 'THROTTLING_QUOTA_EXCEEDED',
    code: 89,
    retriable: true,
    message: 'The throttling quota has been exceeded',
  },
  {
    type: 'PRODUCER_FENCED',
    code: 90,
    retriable: false,
    message: 'There is a newer producer with the same transactionalId which fences the current one',
  },
  { type: 'UNKNOWN_TOPIC_ID', code: 100, retriable: true, message: 'This server does not host this topic ID' },
];

for (const entry of MISSING) if (!errorCodes.some(({ code }) => code === entry.code)) errorCodes.push(entry);
