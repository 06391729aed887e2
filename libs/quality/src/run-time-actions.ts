import { RULE_CODES, type RuleAction, type RuleCode } from '@orderstream/contracts';
import { allowedActions } from './settings';

const PREFIX = 'rules.';

/** The subject in `marketplace.settings.v1` of a rule's action. Its value is `{"action": "flag"}`, or null. */
export const ruleSubject = (code: RuleCode): string => `${PREFIX}${code}`;

/** What the settings at run time say of rules. */
export interface RunTimeActions {
  readonly actions: Readonly<Partial<Record<RuleCode, RuleAction>>>;
  /** Settings that this version does not know: no instance must go on as if they were not there. */
  readonly problems: readonly string[];
}

/** The actions that operators have set at run time. They override those of the environment. Other subjects are ignored. */
export function runTimeActions(
  settings: Iterable<{ readonly subject: string; readonly value: unknown }>,
): RunTimeActions {
  const actions: Partial<Record<RuleCode, RuleAction>> = {};
  const problems: string[] = [];
  for (const { subject, value } of settings) {
    if (!subject.startsWith(PREFIX) || value === null) continue;
    const name = subject.slice(PREFIX.length);
    const code = RULE_CODES.find((known) => known === name);
    const chosen = typeof value === 'object' && 'action' in value ? value.action : undefined;
    const action = code && allowedActions(code).find((allowed) => allowed === chosen);
    if (code === undefined) problems.push(`there is no rule ${name.slice(0, 100)}`);
    else if (action === undefined) problems.push(`${name} can be ${allowedActions(code).join(', ')}`);
    else actions[code] = action;
  }
  return { actions, problems };
}
