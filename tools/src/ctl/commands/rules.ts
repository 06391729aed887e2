import { type RuleAction } from '@orderstream/contracts';
import { Argument, type Command } from 'commander';
import { type Rule, ruleSchema, rulesSchema } from '../api/answers';
import { type Column } from '../output/table';
import { type Runtime } from '../session';
import { changed, ifMatch } from './conditional-change';

const VALIDATOR = 'validator';
/** Loading the contracts takes 0.2 s; the compiler compares the words. */
const ACTIONS = ['reject', 'repair', 'flag', 'skip', 'off'] as const satisfies readonly RuleAction[];
/** Back to what the environment or the default of the rule says. */
const DEFAULT = 'default';

/** `ctl rules list|set` */
export function addRules(program: Command, { session }: Runtime): void {
  const group = program.command('rules').description('look at the quality rules and change what they do');
  group
    .command('list')
    .description('list the rules with their actions')
    .action(async () => {
      const current = session();
      const { body } = await current.service(VALIDATOR).get('/admin/rules', rulesSchema);
      current.result(body, () => current.table(COLUMNS, body, '(no rules)'));
    });
  group
    .command('set')
    .description('change the action of a rule, in every instance, from the next batch on')
    .argument('<code>', 'code of the rule, such as reference.unknown_vendor; rules list shows its actions')
    .addArgument(
      new Argument('<action>', 'what happens when the rule fires; default: back to what the environment says').choices([
        ...ACTIONS,
        DEFAULT,
      ]),
    )
    .action(async (code: string, action: string) => {
      const current = session();
      const client = current.service(VALIDATOR);
      const path = `/admin/rules/${encodeURIComponent(code)}`;
      const before = await client.get(path, ruleSchema);
      const after = await changed(current, `The rule ${code}`, () =>
        client.request('PUT', path, ruleSchema, {
          body: { action: action === DEFAULT ? null : action },
          headers: ifMatch(before),
        }),
      );
      current.result(after.body, () => `${code}: ${before.body.action} -> ${after.body.action}`);
    });
}

const COLUMNS: readonly Column<Rule>[] = [
  { title: 'RULE', value: ({ code }) => code },
  { title: 'ACTION', value: ({ action }) => action, colour: ({ action }) => (action === 'off' ? 'yellow' : undefined) },
  { title: 'DEFAULT', value: ({ defaultAction }) => defaultAction, optional: true },
  { title: 'CAN BE', value: ({ allowedActions }) => allowedActions?.join(', ') },
  { title: 'SOURCE', value: ({ source }) => source, optional: true },
  { title: 'BY', value: ({ changedBy }) => changedBy, optional: true },
  { title: 'FIRES WHEN', value: ({ description }) => description, flexible: true },
];
