import type { FieldSchema } from './columns';
import { CE, CE_SPECVERSION, DLQ_HEADERS, MAX_DETAIL_BYTES, MAX_SOURCE_BYTES, QUALITY_HEADERS } from './envelope';
import type { EventContract } from './event';
import { contractsOfFamily, EVENT_CONTRACTS } from './event-contracts';
import { exampleRecord, RECORD_HEADERS } from './events-doc';
import { FAMILIES, type Family } from './families';
import { versionedName } from './json-schema';
import { RULE_CODES } from './rules';
import {
  AUDIT_TOPIC,
  CATALOG_VERSIONS_TOPIC,
  DEAD_LETTER_APPS,
  type DeadLetterApp,
  deadLetterTopic,
  parkedTopic,
  PARTITIONS,
  rawTopic,
  REPLAYS_TOPIC,
  type RetryApp,
  retryTopic,
  SETTINGS_TOPIC,
  stateTopic,
  type TopicSpec,
  TOPICS,
  validatedTopic,
} from './topics';

type Json = Readonly<Record<string, unknown>>;

const BINDING_VERSION = '0.5.0';
const ref = (path: string): Json => ({ $ref: path });
const stage = (topic: string): 'raw' | 'validated' => (topic.endsWith('.raw.v1') ? 'raw' : 'validated');
const messageName = ({ type }: EventContract, of: 'raw' | 'validated'): string => `${type}.${of}`;

function columnSchema({ columns }: EventContract, name: string): FieldSchema {
  const column = columns.find((each) => each.name === name);
  if (column === undefined) throw new TypeError(`no column ${name}`);
  return column.schema;
}

const [ANY_CONTRACT] = EVENT_CONTRACTS.values();
if (ANY_CONTRACT === undefined) throw new TypeError('there is no contract');

/** What a header is, beside its description. */
const HEADER_SCHEMAS: Readonly<Record<string, Json>> = {
  [CE.specversion]: { type: 'string', enum: [CE_SPECVERSION] },
  [CE.id]: { ...columnSchema(ANY_CONTRACT, 'event_id') },
  [CE.source]: { type: 'string', format: 'uri-reference', minLength: 1, maxLength: MAX_SOURCE_BYTES },
  [CE.time]: { ...columnSchema(ANY_CONTRACT, 'occurred_at') },
  [QUALITY_HEADERS.flags]: { type: 'string', examples: ['time.too_late,drift.vendor'] },
  [QUALITY_HEADERS.catalogPosition]: { type: 'string', contentMediaType: 'application/json' },
};

/** The headers of these records, from the table of `docs/events.md`. */
function headerSchema(of: (records: string) => boolean): Json {
  const headers = RECORD_HEADERS.filter(([, records]) => of(records));
  return {
    type: 'object',
    properties: Object.fromEntries(
      headers.map(([name, , , description]) => [
        name,
        { ...(HEADER_SCHEMAS[name] ?? { type: 'string' }), description },
      ]),
    ),
    required: headers.filter(([, , required]) => required !== '').map(([name]) => name),
  };
}

const DLQ_DESCRIPTIONS = {
  reason: `Code of the first rule that rejected the record, such as ${RULE_CODES[0] ?? ''}, or of the service.`,
  detail: `Every reason as JSON [{code, path, constraint}], ${MAX_DETAIL_BYTES.toLocaleString('en-US')} bytes at most.`,
  app: 'Service that wrote the dead letter.',
  sourceTopic: 'Topic of the record.',
  sourcePartition: 'Partition of the record.',
  sourceOffset: 'Offset of the record.',
  sourceTimestamp: 'Timestamp of the record, RFC 3339 UTC.',
  failedAt: 'When the record was rejected this time, RFC 3339 UTC.',
  firstFailedAt: 'When the record was rejected for the first time, RFC 3339 UTC.',
  attempt: 'How many times the record has been rejected, from 1.',
  fingerprint: '16 hex digits of a hash over service, reason and field path: similar failures have the same.',
  cut: 'JSON {value|headers|key: original bytes} of what was cut to fit the topic. Absent if the record is complete.',
  batch:
    'JSON with the offsets and the number of the records of a skipped batch, which the value holds as it was stored.',
  replay:
    'JSON {plan, letter, origin} of the replay that returned the record before this rejection. Absent without one.',
} as const satisfies Record<keyof typeof DLQ_HEADERS, string>;
/** A letter of a cut record, of a skipped batch, and of a replayed record. */
const OPTIONAL_DLQ = ['cut', 'batch', 'replay'];

function deadLetterHeaders(): Json {
  const names = Object.keys(DLQ_HEADERS) as (keyof typeof DLQ_HEADERS)[];
  return {
    type: 'object',
    description: 'Beside the headers of the rejected record, which are unchanged.',
    properties: Object.fromEntries(
      names.map((name) => [DLQ_HEADERS[name], { type: 'string', description: DLQ_DESCRIPTIONS[name] }]),
    ),
    required: names.filter((name) => !OPTIONAL_DLQ.includes(name)).map((name) => DLQ_HEADERS[name]),
  };
}

function exampleMessage(contract: EventContract, of: 'raw' | 'validated'): Json {
  const { key, headers, value } = exampleRecord(contract, of === 'raw' ? '/shop/checkout' : '/order-generator');
  return {
    name: contract.type,
    summary: `The key is ${key}.`,
    headers: of === 'raw' ? headers : { ...headers, [QUALITY_HEADERS.settings]: '4c7d05f1e2ab' },
    payload: value,
  };
}

function eventMessage(contract: EventContract, of: 'raw' | 'validated'): Json {
  const { type, description, keyField } = contract;
  const shared = [ref('#/components/schemas/envelope')];
  if (of === 'validated') shared.push(ref('#/components/schemas/verdict'));
  return {
    name: type,
    title: type,
    summary: description,
    contentType: 'application/json',
    headers: {
      type: 'object',
      allOf: [...shared, { type: 'object', properties: { [CE.type]: { type: 'string', enum: [type] } } }],
    },
    payload: ref(`./json-schema/${versionedName(contract)}.json`),
    bindings: {
      kafka: {
        key: { ...columnSchema(contract, keyField), description: `Equals ${keyField}.` },
        bindingVersion: BINDING_VERSION,
      },
    },
    examples: [exampleMessage(contract, of)],
  };
}

/** Messages of topics whose values are no events. */
const OTHER_MESSAGES = {
  deadLetter: {
    name: 'deadLetter',
    title: 'Dead letter',
    summary: 'A rejected record: key, value and headers unchanged, with dlq-* headers that say why.',
    contentType: 'application/octet-stream',
    headers: ref('#/components/schemas/deadLetter'),
  },
  state: {
    name: 'state',
    title: 'State record',
    summary:
      'A record of the services themselves. Internal: its form changes without notice. A null value deletes its key.',
    contentType: 'application/json',
  },
} as const satisfies Record<string, Json>;

/** The family of the events of a topic; undefined for a topic without events. */
const eventFamily = (name: string): Family | undefined =>
  FAMILIES.find(
    (family) =>
      name === rawTopic(family) ||
      name === validatedTopic(family) ||
      name.startsWith(`${validatedTopic(family)}${RETRY_INFIX}`),
  );
const RETRY_INFIX = '.retry.';

/** What the topics hold that have neither events nor dead letters. */
const OWN_RECORDS: Readonly<Record<string, string>> = {
  [CATALOG_VERSIONS_TOPIC]: 'The versions of every vendor and product, for the rules of the orders.',
  [SETTINGS_TOPIC]:
    'What operators have changed at run time, by subject. It overrides the environment of every service.',
  [REPLAYS_TOPIC]: 'Replay plans, their progress, and a receipt for each replayed record.',
  [AUDIT_TOPIC]: 'Every change that an operator made: actor, action, before and after.',
};

function messagesOf({ name }: TopicSpec): readonly string[] {
  const family = eventFamily(name);
  if (family !== undefined) return contractsOfFamily(family).map((contract) => messageName(contract, stage(name)));
  return [name.includes('.dlq.') ? 'deadLetter' : 'state'];
}

/** What a topic holds. */
function summaryOf({ name }: TopicSpec): string {
  const own = OWN_RECORDS[name];
  if (own !== undefined) return own;
  if (name.endsWith('.parked')) return `Dead letters of ${name.slice(0, -'.parked'.length)} with too many attempts.`;
  if (name.includes(RETRY_INFIX)) return `Replayed records of ${name.split(RETRY_INFIX).join(', read by ')} alone.`;
  if (name.includes('.dlq.')) return `The dead letters of ${name.split('.dlq.').join(' by ')}.`;
  const family = eventFamily(name);
  if (family === undefined) {
    const ofState = FAMILIES.find((each) => name === stateTopic(each)) ?? '';
    return `The validator's state of family ${ofState}, by input partition.`;
  }
  return stage(name) === 'raw'
    ? `Events of family ${family} as their producers send them.`
    : `Accepted and repaired events of family ${family}. The timestamp is the append time of the raw record.`;
}

function channel(topic: TopicSpec): Json {
  const { name, partitions, cleanup, retentionMs, maxMessageBytes, timestamps } = topic;
  return {
    address: name,
    summary: summaryOf(topic),
    description:
      `${partitions} partitions, a number that never changes. ` +
      (stage(name) === 'raw'
        ? `The partition is murmur2(key) modulo ${partitions}, as the Java client's default partitioner computes it. `
        : PARTITIONS === partitions && name !== REPLAYS_TOPIC
          ? 'The partition is that of the raw record. '
          : '') +
      (eventFamily(name) === undefined ? '' : 'Records with the same key stay in order. ') +
      `message.timestamp.type is ${timestamps}. Consumers read committed records only (isolation.level=read_committed).`,
    messages: Object.fromEntries(
      messagesOf(topic).map((message) => [message, ref(`#/components/messages/${message}`)]),
    ),
    bindings: {
      kafka: {
        topic: name,
        partitions,
        topicConfiguration: {
          'cleanup.policy': [cleanup],
          ...(retentionMs !== undefined && { 'retention.ms': retentionMs }),
          'max.message.bytes': maxMessageBytes,
        },
        bindingVersion: BINDING_VERSION,
      },
    },
  };
}

/** What one service does with one topic. */
interface Use {
  readonly service: string;
  readonly action: 'send' | 'receive';
  readonly topic: string;
  readonly summary: string;
  /** Consumer group. */
  readonly group?: string;
}

function deadLetterUses(service: DeadLetterApp, topic: string, group: string): readonly Use[] {
  return [
    { service, action: 'receive', topic, group, summary: 'Reads the committed records.' },
    {
      service,
      action: 'send',
      topic: deadLetterTopic(topic, service),
      summary: 'Writes what it rejects, into the partition of the same number.',
    },
    {
      service,
      action: 'send',
      topic: parkedTopic(deadLetterTopic(topic, service)),
      summary: 'Writes what it rejects after too many attempts.',
    },
  ];
}

function retryUses(service: RetryApp, topic: string, group: string): readonly Use[] {
  return [
    ...deadLetterUses(service, topic, group),
    {
      service: 'console',
      action: 'send',
      topic: retryTopic(topic, service),
      summary: 'Replays records that the validator has accepted before.',
    },
    { service, action: 'receive', topic: retryTopic(topic, service), group, summary: 'Reads replayed records.' },
  ];
}

/** Topics in which the services keep what operators do. */
const OPERATION_USES: readonly Use[] = [
  { service: 'console', action: 'send', topic: REPLAYS_TOPIC, summary: 'Writes plans, progress and receipts.' },
  { service: 'console', action: 'receive', topic: REPLAYS_TOPIC, summary: 'Resumes its plans from it.' },
  { service: 'console', action: 'receive', topic: AUDIT_TOPIC, summary: 'Lists it.' },
  ...DEAD_LETTER_APPS.flatMap((service): readonly Use[] => [
    { service, action: 'send', topic: SETTINGS_TOPIC, summary: 'Writes the changes that operators make.' },
    { service, action: 'receive', topic: SETTINGS_TOPIC, summary: 'Follows the settings of every instance.' },
    { service, action: 'send', topic: AUDIT_TOPIC, summary: 'Writes who changed what.' },
  ]),
];

function usesOf(family: Family): readonly Use[] {
  const validator = { service: 'validator' } as const;
  const versions = { ...validator, topic: CATALOG_VERSIONS_TOPIC } as const;
  return [
    {
      service: 'order-generator',
      action: 'send',
      topic: rawTopic(family),
      summary: 'Sends events. Any producer may: it validates the body by the schema of the message before.',
    },
    ...deadLetterUses('validator', rawTopic(family), `validator-${family}`),
    { ...validator, action: 'send', topic: validatedTopic(family), summary: 'Writes accepted and repaired events.' },
    { ...validator, action: 'send', topic: stateTopic(family), summary: 'Writes its state with each commit.' },
    { ...validator, action: 'receive', topic: stateTopic(family), summary: 'Restores its state from it.' },
    ...(family === 'catalog'
      ? [{ ...versions, action: 'send', summary: 'Writes the versions of what an accepted event changes.' } as const]
      : []),
    ...(family === 'orders'
      ? [
          {
            ...versions,
            action: 'receive',
            summary:
              'Evaluates the references of orders by it. The validator of the catalog restores its versions from it.',
          } as const,
        ]
      : []),
    { service: 'console', action: 'send', topic: rawTopic(family), summary: 'Replays records that were rejected.' },
    ...retryUses('bq-sink', validatedTopic(family), 'bq-sink'),
    ...(family === 'orders' ? retryUses('pubsub-bridge', validatedTopic(family), 'pubsub-bridge') : []),
  ];
}

const operation = ({ service, action, topic, summary, group }: Use): readonly [string, Json] => [
  `${service}.${action}.${topic}`,
  {
    action,
    title: `${service} ${action}s`,
    summary,
    tags: [{ name: service }],
    channel: ref(`#/channels/${topic}`),
    ...(group !== undefined && {
      bindings: { kafka: { groupId: { type: 'string', enum: [group] }, bindingVersion: BINDING_VERSION } },
    }),
  },
];

const eventMessages = (of: 'raw' | 'validated') =>
  [...EVENT_CONTRACTS.values()].map((contract) => [messageName(contract, of), eventMessage(contract, of)] as const);

/** The AsyncAPI 3.0 document of every topic. The schemas of the events are in files beside it. */
export function asyncApi(): Json {
  return {
    asyncapi: '3.0.0',
    info: {
      title: 'Orderstream',
      version: '1.0.0',
      description:
        'The Kafka topics of the marketplace: who writes and reads them, and what is in their records. An event is a ' +
        'CloudEvents 1.0 record in Kafka binary mode: attributes in headers, one flat JSON object as its value.',
      license: { name: 'Apache-2.0' },
    },
    defaultContentType: 'application/json',
    servers: {
      kafka: {
        host: '{brokers}',
        protocol: 'kafka',
        description: 'The brokers of the deployment.',
        variables: { brokers: { default: '127.0.0.1:19092', description: 'The setting KAFKA_BROKERS.' } },
      },
    },
    channels: Object.fromEntries(TOPICS.map((topic) => [topic.name, channel(topic)])),
    operations: Object.fromEntries([...FAMILIES.flatMap(usesOf), ...OPERATION_USES].map(operation)),
    components: {
      schemas: {
        envelope: {
          ...headerSchema((records) => records === 'all'),
          description:
            'CloudEvents 1.0. A header whose value is null counts as absent. Other headers are carried along.',
        },
        verdict: {
          ...headerSchema((records) => records.startsWith('validated')),
          description: 'What the validator adds to an accepted or repaired record.',
        },
        deadLetter: deadLetterHeaders(),
      },
      messages: { ...Object.fromEntries([...eventMessages('raw'), ...eventMessages('validated')]), ...OTHER_MESSAGES },
    },
  };
}
