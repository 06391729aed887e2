import { Argument, type Command } from 'commander';
import { type RuleAction } from '@orderstream/contracts';
import { type Rule, ruleSchema, rulesSchema } from '../api/answers';
import { NotDoneError } from '../errors';
import { type Column } from '../output/table';
import { type Runtime } from '../session';
import { etagOf, saying } from './conditional-change';

const VALIDATOR = 'validator';
/** Loading the contracts takes 0.2 s; the compiler compares the words. */
const ACTIONS = ['reject', 'repair', 'flag', 'skip', 'off'] as const satisfies readonly RuleAction[];

/** `ctl rules list|set` */
export function addRules(program: Command, { session }: Runtime): void {
  const group = program.command('rules').description('look at the quality rules and change what they do');
  group
    .command('list')
    .description('list the rules with their actions')
    .action(async () => {
      const current = session();
      const { body } = await current.service(VALIDATOR).get('/admin/rules', rulesSchema);
      current.result(body, () => current.table(COLUMNS, body.rules, '(no rules)'));
    });
  group
    .command('set')
    .description('change the action of a rule, in every instance, from the next batch on')
    .argument('<code>', 'code of the rule, such as reference.unknown_vendor')
    .addArgument(new Argument('<action>', 'what happens when the rule fires').choices(ACTIONS))
    .action(async (code: string, action: string) => {
      const current = session();
      const client = current.service(VALIDATOR);
      const { body, etag } = await client.get('/admin/rules', rulesSchema);
      const before = body.rules.find((rule) => rule.code === code);
      if (before === undefined) {
        throw new NotDoneError(`There is no rule ${code}: ctl rules list shows them. Nothing was changed.`);
      }
      const headers = { 'if-match': etagOf(before.revision) ?? etag ?? '*' };
      const answer = await saying(current, `The rule ${code}`, () =>
        client.request('PUT', `/admin/rules/${encodeURIComponent(code)}`, ruleSchema, { body: { action }, headers }),
      );
      current.result(answer.body, () => `${code}: ${before.action} -> ${answer.body.action ?? action}`);
    });
}

const COLUMNS: readonly Column<Rule>[] = [
  { title: 'RULE', value: ({ code }) => code },
  { title: 'ACTION', value: ({ action }) => action, colour: ({ action }) => (action === 'off' ? 'yellow' : undefined) },
  { title: 'DEFAULT', value: (rule) => rule.default },
  { title: 'SOURCE', value: ({ source }) => source },
  { title: 'DESCRIPTION', value: ({ description }) => description, flexible: true },
];
