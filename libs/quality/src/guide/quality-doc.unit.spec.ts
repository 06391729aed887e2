import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { RULE_CODES, type RuleCode, RULES } from '@orderstream/contracts';
import { reasonTexts } from '@orderstream/dead-letters';
import { partitionFor } from '@orderstream/kafka';
import { allowedActions, renderQualityDoc } from '../index';
import { ExampleError, examplesOf, firedBy } from './evaluate-example';
import type { RuleGuide } from './rule-guide';
import { RULE_GUIDES } from './rule-guides';

const text = readFileSync(resolve(__dirname, '../../../../docs/quality.md'), 'utf8');
const sections = new Map(
  text
    .split(/^## /m)
    .slice(1)
    .map((section) => [section.slice(0, section.indexOf('\n')), section]),
);

const guides = RULE_CODES.map((code): [RuleCode, RuleGuide] => [code, RULE_GUIDES[code]]);
const withExamples = guides.flatMap(([code, guide]) =>
  guide.examples === undefined ? [] : [[code, guide, guide.examples] as const],
);

describe('docs/quality.md', () => {
  it('is up to date (npm run generate), with the dead-letter headers that the validator writes', async () => {
    expect(text).toBe(await renderQualityDoc({ partitionOf: partitionFor, deadLetterHeaders: reasonTexts }));
  });

  it('has one section for each rule, in their order', () => {
    expect([...sections.keys()]).toEqual(RULE_CODES);
  });

  it.each(guides)(
    'says of %s what it catches, its actions, what to do, whether a replay helps and its limits',
    (code, guide) => {
      const section = sections.get(code) ?? '';
      expect(section).toContain(RULES[code].description);
      const [actions = ''] = /^Action: .*$/m.exec(section) ?? [];
      const named = [...actions.matchAll(/`(\w+)`/g)].map(([, action]) => action);
      expect(named[0]).toBe(RULES[code].action);
      expect([...named].sort()).toEqual([...allowedActions(code)].sort());
      for (const title of ['What to do', 'Replay', 'Certain'])
        expect(section).toMatch(new RegExp(`^\\*\\*${title}\\.\\*\\* \\w`, 'm'));
      expect([guide.whatToDo, guide.replay, guide.certain].every((words) => words.length > 20)).toBe(true);
    },
  );

  it('has examples of every rule that a record can cause', () => {
    expect(guides.filter(([, { examples }]) => examples === undefined).map(([code]) => code)).toEqual([
      'internal.rule_failed',
    ]);
    // The rules that remember: what they do outside their memory.
    expect(withExamples.filter(([, , { uncertain }]) => uncertain !== undefined).map(([code]) => code)).toEqual(
      RULE_CODES.filter((code) => /^(duplicate|reference|drift|lifecycle)\./.test(code)),
    );
  });

  it.each(withExamples)('shows of %s a record on which it fires and one on which it just does not', (code, guide) => {
    const [fires, nearMiss, uncertain] = examplesOf(code, guide, partitionFor).map(
      ({ evaluated }) => evaluated.at(-1)?.verdict,
    );
    if (fires === undefined || nearMiss === undefined) throw new Error('it has no examples');
    // The rule alone, with its default action: what the document shows is caused by nothing else.
    expect([...new Set(firedBy(fires))]).toEqual([code]);
    const kinds = { reject: 'reject', flag: 'accept', skip: 'skip', repair: 'repair', off: '' } as const;
    expect(fires.kind).toBe(kinds[RULES[code].action]);
    expect(firedBy(nearMiss)).not.toContain(code);
    expect(['accept', 'repair']).toContain(nearMiss.kind);
    if (uncertain !== undefined) expect(uncertain.kind).toBe('accept');
  });

  it.each(withExamples)('cannot show examples of %s that are not true', (code, guide, examples) => {
    const swapped = { ...guide, examples: { ...examples, fires: examples.nearMiss, nearMiss: examples.fires } };
    expect(() => examplesOf(code, swapped, partitionFor)).toThrow(ExampleError);
    const near = { ...guide, examples: { ...examples, nearMiss: examples.fires } };
    expect(() => examplesOf(code, near, partitionFor)).toThrow(ExampleError);
    const certain = {
      ...guide,
      examples: { ...examples, uncertain: { ...examples.fires, verdict: 'accepted' } },
    } as const;
    expect(() => examplesOf(code, certain, partitionFor)).toThrow(ExampleError);
  });

  it('cannot show records of several partitions as if one rule remembered them all', () => {
    const { examples } = RULE_GUIDES['drift.customer'];
    if (examples === undefined) throw new Error('it has no examples');
    const partitionOf = (key: Buffer): number => key[0] ?? 0;
    expect(() => examplesOf('drift.customer', RULE_GUIDES['drift.customer'], partitionOf)).toThrow(
      /several partitions/,
    );
  });
});
