import type { Column, EventColumn } from './columns';
import { CE, envelopeHeaders, MAX_SOURCE_BYTES, QUALITY_HEADERS } from './envelope';
import { COMMON_FIELDS, type EventContract } from './event';
import { contractsOfFamily, EVENT_CONTRACTS } from './event-contracts';
import { FAMILIES, FAMILY_TABLES, type Family } from './families';
import { SIMULATION_ID_HEADER } from './ledger';
import { RULE_CODES, RULES, UNREADABLE_BATCH } from './rules';
import type { TableSpec } from './table-spec';
import { METADATA_COLUMNS, TABLES } from './tables';
import { HEADER_OVERHEAD_BYTES, PARTITIONS, rawTopic, type TopicSpec, TOPICS, validatedTopic } from './topics';

const DAY_MS = 86_400_000;

const code = (text: string): string => `\`${text}\``;
const listOf = (names: readonly string[]): string => names.map(code).join(', ');

/** A Markdown table. Leaves out the columns that have no content. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const shown = head.map((_, index) => rows.some((row) => row[index] !== ''));
  const line = (cells: readonly string[]): string =>
    `| ${cells
      .filter((_, index) => shown[index])
      .map((cell) => cell.replaceAll('|', '\\|'))
      .join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

const personalMark = ({ personal }: Column): string => (personal ? 'yes' : '');

/** The table of these fields, and a JSON object of their examples. */
const fields = (columns: readonly EventColumn[]): string =>
  [
    table(
      ['field', 'type', 'mode', 'must be', 'personal', 'description'],
      columns.map((column) => [
        code(column.name),
        column.type,
        column.mode,
        column.constraint,
        personalMark(column),
        column.description,
      ]),
    ),
    json(examplesOf(columns)),
  ].join('\n\n');

const json = (value: object): string => `\`\`\`json\n${JSON.stringify(value, null, 2)}\n\`\`\``;

const examplesOf = (columns: readonly EventColumn[]): Record<string, string | number | boolean> =>
  Object.fromEntries(columns.map(({ name, example }) => [name, example]));

/** A valid body of an event type, from the examples of its fields. */
export const exampleOf = (contract: EventContract): Record<string, string | number | boolean> =>
  examplesOf(contract.columns);

/** The events of a family that have the same record key, and the fields that all of them inherit. */
interface EventGroup {
  readonly title: string;
  readonly contracts: readonly EventContract[];
  readonly sharedFields: readonly EventColumn[];
}

function groupsOf(family: Family): readonly EventGroup[] {
  const ofFamily = contractsOfFamily(family);
  return [...new Set(ofFamily.map(({ keyField }) => keyField))].map((keyField) => {
    const contracts = ofFamily.filter((contract) => contract.keyField === keyField);
    const [first] = contracts;
    const prefix = first?.type.split('.')[0] ?? family;
    const isAll = contracts.length === ofFamily.length;
    return {
      title: `Common fields of ${isAll ? family : code(`${prefix}.*`)}`,
      contracts,
      sharedFields: (first?.columns ?? []).filter(
        (column) => !COMMON_FIELDS.includes(column.name) && contracts.every(({ columns }) => columns.includes(column)),
      ),
    };
  });
}

/** The fields that every event has. */
function commonFields(): readonly EventColumn[] {
  const [first] = EVENT_CONTRACTS.values();
  return (first?.columns ?? [])
    .filter(({ name }) => COMMON_FIELDS.includes(name))
    .map((column) => (column.name === 'event_type' ? { ...column, constraint: 'the type of the event' } : column));
}

function renderEvent(contract: EventContract, sharedFields: readonly EventColumn[]): string {
  const own = contract.columns.filter(
    (column) => !COMMON_FIELDS.includes(column.name) && !sharedFields.includes(column),
  );
  return [
    `#### ${contract.type}`,
    contract.description,
    own.length === 0 ? 'It has the common fields only.' : fields(own),
  ].join('\n\n');
}

const renderGroup = ({ title, contracts, sharedFields }: EventGroup): string =>
  [`#### ${title}`, fields(sharedFields), ...contracts.map((contract) => renderEvent(contract, sharedFields))].join(
    '\n\n',
  );

const renderFamily = (family: Family): string =>
  [`### Family ${family}`, ...groupsOf(family).map(renderGroup)].join('\n\n');

/** The anchor that Markdown renderers give a heading: without dots. */
const anchorOf = (heading: string): string => heading.replaceAll('.', '');

const familyRows = (): readonly (readonly string[])[] =>
  FAMILIES.map((family) => {
    const contracts = contractsOfFamily(family);
    return [
      family,
      contracts.map(({ type }) => `[${code(type)}](#${anchorOf(type)})`).join(', '),
      [...new Set(contracts.map(({ keyField }) => code(keyField)))].join(' or '),
      code(rawTopic(family)),
      code(validatedTopic(family)),
      code(FAMILY_TABLES[family]),
    ];
  });

/** The headers of a record: name, in which records, whether it is required, and what it contains. */
export const RECORD_HEADERS: readonly (readonly [name: string, records: string, required: string, meaning: string])[] =
  [
    [CE.specversion, 'all', 'yes', '`1.0`'],
    [CE.id, 'all', 'yes', 'Equals `event_id`.'],
    [CE.type, 'all', 'yes', 'Equals `event_type`.'],
    [
      CE.source,
      'all',
      'yes',
      'Producer of the event: a URI reference (RFC 3986) of at most ' +
        `${MAX_SOURCE_BYTES.toLocaleString('en-US')} bytes, without quotes. Source and id together identify the event.`,
    ],
    [CE.time, 'all', '', 'Equals `occurred_at`.'],
    [CE.subject, 'all', '', 'Subject of the event: the record key.'],
    [CE.contentType, 'all', '', '`application/json`'],
    [CE.traceparent, 'all', '', 'W3C trace context.'],
    [
      QUALITY_HEADERS.flags,
      'validated',
      '',
      'Codes of the rules that flagged or repaired the record, separated by commas.',
    ],
    [
      QUALITY_HEADERS.catalogPosition,
      'validated orders',
      '',
      'Next offsets of the raw catalog, as a JSON array by partition: the record was evaluated by what lies below them.',
    ],
    [QUALITY_HEADERS.settings, 'validated', '', 'Version of the rule settings that evaluated the record.'],
    [
      SIMULATION_ID_HEADER,
      'generated',
      '',
      'Segment, number of the event in it, and copy. What the record is meant to be is computed from it.',
    ],
  ];

const topicRow = (topic: TopicSpec): readonly string[] => [
  code(topic.name),
  topic.retentionMs === undefined ? 'compacted' : `${topic.retentionMs / DAY_MS} days`,
  `${topic.maxMessageBytes / 1024} KiB`,
  topic.timestamps,
];

const columnTable = (columns: readonly Column[]): string =>
  table(
    ['column', 'type', 'mode', 'personal', 'description'],
    columns.map((column) => [code(column.name), column.type, column.mode, personalMark(column), column.description]),
  );

/** The columns of a family's events, each with the event types that have it. */
function familyColumnTable(family: Family, spec: TableSpec): string {
  const contracts = contractsOfFamily(family);
  const rows = spec.columns
    .filter((column) => !METADATA_COLUMNS.includes(column))
    .map((column) => {
      const types = contracts.filter(({ columns }) => columns.some(({ name }) => name === column.name));
      const events = types.length === contracts.length ? 'all' : listOf(types.map(({ type }) => type));
      return [code(column.name), column.type, column.mode, personalMark(column), events];
    });
  return table(['column', 'type', 'mode', 'personal', 'set by'], rows);
}

function renderColumns(spec: TableSpec): string {
  const family = FAMILIES.find((name) => FAMILY_TABLES[name] === spec.table);
  if (family !== undefined) return `The metadata columns, and:\n\n${familyColumnTable(family, spec)}`;
  const orderFields = new Set(contractsOfFamily('orders').flatMap(({ columns }) => columns.map(({ name }) => name)));
  const others = spec.columns.filter(({ name }) => !orderFields.has(name));
  if (spec.table !== 'streaming_orders') return columnTable(spec.columns);
  return `The event columns of ${code(FAMILY_TABLES.orders)}, all NULLABLE, and:\n\n${columnTable(others)}`;
}

const renderTable = (spec: TableSpec): string =>
  [
    `### ${spec.table}`,
    `${spec.description} Partitioned by the day of ${code(spec.partitionField)}, ` +
      `clustered by ${listOf(spec.clustering)}.`,
    renderColumns(spec),
  ].join('\n\n');

/** Key, headers and value of the record of `exampleOf`. */
export function exampleRecord(contract: EventContract, source: string) {
  const value = exampleOf(contract);
  const key = String(value[contract.keyField]);
  const headers = envelopeHeaders({
    id: String(value.event_id),
    type: contract.type,
    source,
    time: String(value.occurred_at),
    subject: key,
  });
  return { key, headers, value };
}

const EXAMPLE_TYPE = 'order.paid';

function renderExampleRecord(): string {
  const contract = EVENT_CONTRACTS.get(EXAMPLE_TYPE);
  if (contract === undefined) throw new TypeError(`${EXAMPLE_TYPE} has no contract`);
  return json(exampleRecord(contract, '/order-generator'));
}

const INTRODUCTION = `\
Services exchange events through Kafka topics. The validator reads the raw topics, evaluates the quality rules, and
writes accepted and repaired records to the validated topics. Every validated record becomes one row of its family's
BigQuery table.

- **Record.** The value is one flat JSON object with the columns of the row. The headers are a CloudEvents 1.0 envelope
  in Kafka binary mode. The key determines the partition (murmur2), and records with the same key stay in order.
- **Headers.** A header whose value is null counts as absent. The headers of a record are at most 64 KiB together, where
  each counts its name, its value and ${HEADER_OVERHEAD_BYTES} bytes: every path carries that much. A record is at most 1 MiB.
- **Fields.** A NULLABLE field can be null or absent. A field that is not listed here makes the record invalid, and so does
  a name that stands twice. Integers are written in digits, without exponent or decimals. Amounts of money are strings
  with two decimals. A field marked *personal* is personal data.
- **Times.** RFC 3339 in UTC with the zone \`Z\`, at most 5 minutes after the record's append time. \`occurred_at\` is at most
  1,800 days before it: history is loaded in batches.
- **Changes.** Nullable fields can be added. Any other change is a new version of the event in topics of its own.`;

/** The content of `docs/events.md`. */
export function renderEventsDoc(): string {
  return (
    [
      '# Events',
      '_Generated from `libs/contracts` by `npm run generate`. `npm run check` fails if it is out of date._',
      INTRODUCTION,
      '## Families',
      table(['family', 'event types', 'record key', 'raw topic', 'validated topic', 'table'], familyRows()),
      '## Headers',
      table(
        ['header', 'records', 'required', 'content'],
        RECORD_HEADERS.map(([name, ...cells]) => [code(name), ...cells]),
      ),
      `For example, an ${code(EXAMPLE_TYPE)} event in its raw topic:`,
      renderExampleRecord(),
      '## Event types',
      'A body has the common fields of all events, the common fields of its family, and the fields of its type. The ' +
        'JSON below each table shows the fields of that table. A complete body of each type is in ' +
        '[`libs/contracts/samples/v1`](../libs/contracts/samples/v1). JSON Schema, Avro and AsyncAPI for producers and consumers in ' +
        'any language: [contracts](contracts/README.md).',
      '### Common fields of all events',
      fields(commonFields()),
      ...FAMILIES.map(renderFamily),
      '## Topics',
      `Every topic has ${PARTITIONS} partitions, a number that never changes for a version. The dead letters of a ` +
        'service are in `<source topic>.dlq.<service>`.',
      table(['topic', 'retention', 'largest record batch', 'timestamps'], TOPICS.map(topicRow)),
      '## Quality rules',
      'The reasons of a rejected record are listed in this order. The first is the `dlq-reason` of its dead letter. ' +
        'The settings of the validator can change the actions. Examples, and what to do when a rule fires: ' +
        '[quality rules](quality.md).',
      table(
        ['code', 'default action', 'fires when'],
        RULE_CODES.map((rule) => [code(rule), RULES[rule].action, RULES[rule].description]),
      ),
      `A dead letter with the reason ${code(UNREADABLE_BATCH)} is no record: it holds the bytes of a record batch that ` +
        'could not be decoded and that an operator has skipped (`set-position --to next-batch`). Its header `dlq-batch` ' +
        'has the offsets and the number of the records that were left out. It cannot be replayed: produce its records ' +
        'again.',
      '## Tables',
      'The tables are in the dataset `ecommerce_db`. A column of a family table is REQUIRED only if all event types ' +
        'of the family require it.',
      '### Metadata columns',
      'Every family table has these columns beside the fields of its events.',
      columnTable(METADATA_COLUMNS),
      ...Object.values(TABLES).map(renderTable),
    ].join('\n\n') + '\n'
  );
}
