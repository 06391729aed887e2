import type { Column } from './columns';
import { CE, QUALITY_HEADERS } from './envelope';
import type { EventContract } from './event';
import { contractsOfFamily } from './event-contracts';
import { FAMILIES, FAMILY_TABLES, type Family } from './families';
import { LEDGER_SEQ_HEADER } from './ledger';
import { RULE_CODES, RULES } from './rules';
import { METADATA_COLUMNS, type TableSpec, TABLES } from './tables';
import { PARTITIONS, rawTopic, type TopicSpec, TOPICS, validatedTopic } from './topics';

const DAY_MS = 86_400_000;

const code = (text: string): string => `\`${text}\``;

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

const personalMark = ({ personal }: Column): string => (personal ? 'yes' : '');

/** A body that meets the contract, made of the fields' examples. */
export function exampleOf(contract: EventContract): Record<string, string | number | boolean> {
  return Object.fromEntries(contract.columns.map(({ name, example }) => [name, example]));
}

function renderEvent(contract: EventContract): string {
  return [
    `### ${contract.type}`,
    `${contract.description} Keyed by ${code(contract.keyField)}.`,
    table(
      ['field', 'type', 'mode', 'must be', 'personal', 'description'],
      contract.columns.map((column) => [
        code(column.name),
        column.type,
        column.mode,
        column.constraint,
        personalMark(column),
        column.description,
      ]),
    ),
    `\`\`\`json\n${JSON.stringify(exampleOf(contract), null, 2)}\n\`\`\``,
  ].join('\n\n');
}

function renderFamily(family: Family): string {
  const contracts = contractsOfFamily(family);
  const list = contracts.map(({ type }) => code(type)).join(', ');
  return [
    `## Family ${family}`,
    `Types: ${list}.\n\nIn ${code(rawTopic(family))}, evaluated into ${code(validatedTopic(family))}, kept in table ${code(FAMILY_TABLES[family])}.`,
    ...contracts.map(renderEvent),
  ].join('\n\n');
}

const HEADERS: readonly (readonly [name: string, required: string, meaning: string])[] = [
  [CE.specversion, 'yes', '`1.0`'],
  [CE.id, 'yes', 'equals `event_id`'],
  [CE.type, 'yes', 'equals `event_type`'],
  [CE.source, 'yes', 'who produced the event, a URI reference; (source, id) is the identity of the event'],
  [CE.time, '', 'equals `occurred_at`'],
  [CE.subject, '', 'what the event is about: the key'],
  [CE.contentType, '', '`application/json`'],
  [CE.traceparent, '', 'W3C trace context'],
  [QUALITY_HEADERS.flags, '', 'validated records: codes of the rules that flagged or repaired it, separated by commas'],
  [QUALITY_HEADERS.catalogPosition, '', 'validated records: how far the catalog was known when it was evaluated'],
  [QUALITY_HEADERS.settings, '', 'validated records: version of the rule settings that it was evaluated by'],
  [LEDGER_SEQ_HEADER, '', "simulated records: number of the record's entry in the ledger"],
];

function renderTopic(topic: TopicSpec): readonly string[] {
  return [
    code(topic.name),
    topic.partitions.toString(),
    topic.retentionMs === undefined ? 'compacted' : `${topic.retentionMs / DAY_MS} days`,
    `${topic.maxMessageBytes / 1024} KiB`,
    topic.timestamps,
  ];
}

function renderTable(spec: TableSpec): string {
  const metadata = new Set<Column>(METADATA_COLUMNS);
  const own = spec.columns.filter((column) => !metadata.has(column));
  const shared = own.length < spec.columns.length ? '\n\nAnd the metadata columns above.' : '';
  return [
    `### ${spec.table}`,
    `${spec.description} Partitioned by the day of ${code(spec.partitionField)}, clustered by ${spec.clustering.map(code).join(', ')}.`,
    table(
      ['column', 'type', 'mode', 'personal', 'description'],
      own.map((column) => [code(column.name), column.type, column.mode, personalMark(column), column.description]),
    ) + shared,
  ].join('\n\n');
}

/** The text of `docs/events.md`: everything that the contracts say, for people. */
export function renderEventsDoc(): string {
  return (
    [
      '# Events',
      '_Generated from `libs/contracts` by `npm run generate`; `npm run check` fails when it is out of date._',
      'A record is one event. Its value is one flat JSON object, the row as the warehouse gets it; its headers are a CloudEvents 1.0 envelope in Kafka binary mode; its key decides the partition (murmur2) and so the order. A nullable field may be null or absent; any field that is not listed makes the record invalid. Times are RFC 3339 in UTC, money is a string with two decimals. Fields marked personal say something about a person.',
      'A contract changes by adding nullable columns; anything else is a new version in topics of its own.',
      '## Envelope',
      table(
        ['header', 'required', 'meaning'],
        HEADERS.map(([name, required, meaning]) => [code(name), required, meaning]),
      ),
      ...FAMILIES.map(renderFamily),
      '## Topics',
      `Every topic has ${PARTITIONS} partitions for the life of its version. Dead letters of a service lie in \`<source topic>.dlq.<service>\`.`,
      table(['topic', 'partitions', 'retention', 'largest record batch', 'timestamps'], TOPICS.map(renderTopic)),
      '## Quality rules',
      'In the order in which they are evaluated; the first that rejects a record is its reason.',
      table(
        ['code', 'default action', 'fires when'],
        RULE_CODES.map((rule) => [code(rule), RULES[rule].action, RULES[rule].description]),
      ),
      '## Tables',
      'Dataset `ecommerce_db`. A column of a family is REQUIRED only where all types of the family require it.',
      '### Metadata columns',
      'Each of the family tables has these beside the columns of its events.',
      table(
        ['column', 'type', 'mode', 'description'],
        METADATA_COLUMNS.map((column) => [code(column.name), column.type, column.mode, column.description]),
      ),
      ...Object.values(TABLES).map(renderTable),
    ].join('\n\n') + '\n'
  );
}
