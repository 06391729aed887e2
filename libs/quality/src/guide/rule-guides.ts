import type { RuleCode } from '@orderstream/contracts';
import { CATALOG_GUIDES } from '../catalog/catalog.guide';
import { CUSTOMER_GUIDES, DUPLICATE_GUIDES, LIFECYCLE_GUIDES } from '../rules/memory.guide';
import { TIME_GUIDES } from '../rules/times.guide';
import { STRUCTURE_GUIDES } from '../structure/structure.guide';
import type { RuleGuide } from './rule-guide';

/** What an operator reads of each rule. A rule without its guide does not compile. */
export const RULE_GUIDES: Readonly<Record<RuleCode, RuleGuide>> = {
  ...STRUCTURE_GUIDES,
  ...TIME_GUIDES,
  ...DUPLICATE_GUIDES,
  ...CATALOG_GUIDES,
  ...CUSTOMER_GUIDES,
  ...LIFECYCLE_GUIDES,
  'internal.rule_failed': {
    examples: undefined,
    whatToDo:
      'A defect of the validator: the log names the record and has the stack. Report it. Until it is fixed, turn off the ' +
      'rule that fails (`RULE_ACTIONS`), if it can be off.',
    replay: 'Helps once the defect is fixed and deployed.',
    certain:
      'Always: three attempts on the record alone. A failure that another attempt does not repeat leaves no trace.',
  },
};
