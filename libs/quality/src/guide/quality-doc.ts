import { RULE_CODES, type RuleCode, RULES } from '@orderstream/contracts';
import { allowedActions } from '../settings';
import {
  changedHeaders,
  type EvaluatedRecord,
  type ExampleOptions,
  examplesOf,
  type ShownExample,
} from './evaluate-example';
import { APPENDED_AT, type ExampleRecord, type RuleGuide } from './rule-guide';
import { RULE_GUIDES } from './rule-guides';

const MAX_SHOWN = 40;
const code = (text: string): string => `\`${text}\``;

/** A long id or text by its beginning. */
const shortened = (text: string): string => (text.length <= MAX_SHOWN ? text : `${text.slice(0, 8)}…`);

/** What is special about a record, one thing per line. */
function recordLines(evaluated: EvaluatedRecord): readonly string[] {
  const { example, record, body } = evaluated;
  const text = record.value?.toString() ?? '';
  return [
    `${String(body.event_type)}, appended ${example.appendedAt ?? APPENDED_AT}`,
    ...(example.key === undefined ? [] : [`  key ${shortened(example.key)}`]),
    ...changedHeaders(evaluated).map(
      ([name, value]) =>
        `  header ${name}: ${value.length <= MAX_SHOWN ? value : `${value.length.toLocaleString('en-US')} bytes`}`,
    ),
    ...Object.entries(example.fields).map(([name, value]) => {
      // As it is written: an escape in the JSON may be what the example is about.
      const [, written = JSON.stringify(value)] =
        new RegExp(`"${name}":("(?:[^"\\\\]|\\\\.)*"|[^,}]*)`).exec(text) ?? [];
      return `  ${name}: ${written.startsWith('"') ? `"${shortened(written.slice(1, -1))}"` : written}`;
    }),
  ];
}

/** An event that the catalog has when the records are evaluated. */
const catalogLines = ({ type, fields }: ExampleRecord): readonly string[] => [
  `(catalog) ${type}`,
  ...Object.entries(fields).map(([name, value]) => `  ${name}: ${JSON.stringify(shortened(String(value)))}`),
];

function verdictLines(
  { verdict, body }: EvaluatedRecord,
  deadLetterHeaders: ExampleOptions['deadLetterHeaders'],
): readonly string[] {
  switch (verdict.kind) {
    case 'reject': {
      const { reason, detail } = deadLetterHeaders(verdict.reasons);
      return ['→ dead letter', `  dlq-reason: ${reason}`, `  dlq-detail: ${detail}`];
    }
    case 'skip':
      return [`→ skipped, and counted (${verdict.rule})`];
    case 'accept':
      return ['→ accepted', ...verdict.flags.map((flag) => `  quality-flags: ${flag}`)];
    case 'repair': {
      const repaired = Object.entries(verdict.body).filter(([name, value]) => value !== body[name]);
      return [
        '→ repaired',
        `  quality-flags: ${verdict.flags.join(',')}`,
        ...repaired.map(([name, value]) => `  ${name}: ${JSON.stringify(value)}`),
      ];
    }
    case 'wait':
      return ['→ waits for the catalog'];
  }
}

const renderExample = ({ title, rules, evaluated }: ShownExample, options: ExampleOptions): string =>
  [
    `**${title}.** ${rules.what}:`,
    [
      '```text',
      ...(rules.catalog ?? []).flatMap(catalogLines),
      ...evaluated.flatMap((each) => [...recordLines(each), ...verdictLines(each, options.deadLetterHeaders)]),
      '```',
    ].join('\n'),
  ].join('\n\n');

function renderRule(rule: RuleCode, guide: RuleGuide, options: ExampleOptions): string {
  const { action, description } = RULES[rule];
  const others = allowedActions(rule).filter((allowed) => allowed !== action);
  const examples = examplesOf(rule, guide, options.partitionOf);
  return [
    `## ${rule}`,
    description,
    `Action: ${code(action)}${others.length === 0 ? ', always' : ` by default, or ${others.map(code).join(', ')}`}.`,
    ...(examples.length === 0
      ? ['No record causes it by itself, so there is no example.']
      : examples.map((each) => renderExample(each, options))),
    `**What to do.** ${guide.whatToDo}`,
    `**Replay.** ${guide.replay}`,
    `**Certain.** ${guide.certain}`,
  ].join('\n\n');
}

const INTRODUCTION = `\
Every record of a raw topic gets a verdict by these rules. It is accepted, repaired, skipped or rejected; a rejected record becomes
a dead letter with its bytes unchanged. All rules are evaluated, not only the first that fires; the reasons stand in the order of
this page, and the first is \`dlq-reason\`. A reject has precedence over a skip, and a skip over a repair.

- **Actions.** \`reject\`: to the dead letters. \`repair\`: the field gets the right value, and the record is flagged. \`flag\`: the
  record is accepted, and the header \`quality-flags\` and the column \`quality_flags\` name the rule. \`skip\`: the record is counted and
  does not continue. \`off\`: the rule is not evaluated. \`RULE_ACTIONS\` sets them, and
  \`PUT /admin/rules/<code>\` at run time.
- **Now** is the append time of the record. No rule reads a clock, so a verdict can be repeated.
- **Certain.** A rule that looks back remembers a bounded part of the past, by append time and by count. Where that is cut, it flags
  what it can no longer prove: it never rejects or repairs by it. [The validator's state](validator-state.md) has the bounds, what they
  mean at which rate, and the repair commands.
- **Replay** means to send key, value and headers of a dead letter to its raw topic again. It is evaluated again, by what is known
  then; a rejected record leaves no trace in the state. \`npm run dead-letters\` lists the latest ones with their reasons.

The examples are real: the generator of this page and the tests evaluate them with the rules as they are. They show what a
record differs in from the examples in [events](events.md#event-types).`;

/** See `renderQualityDoc` of the lib. */
export function renderQualityDoc(options: ExampleOptions): string {
  return (
    [
      '# Quality rules',
      '_Generated from `libs/contracts` and `libs/quality` by `npm run generate`. `npm run check` fails if it is out of date._',
      INTRODUCTION,
      ...RULE_CODES.map((rule) => renderRule(rule, RULE_GUIDES[rule], options)),
    ].join('\n\n') + '\n'
  );
}
