import { runTimeActions, ruleSubject } from './run-time-actions';

describe('the actions that operators set at run time', () => {
  it('are those of known rules that allow them; null is none, and other subjects are ignored', () => {
    const { actions, problems } = runTimeActions([
      { subject: ruleSubject('time.too_late'), value: { action: 'off' } },
      { subject: ruleSubject('drift.vendor'), value: null },
      { subject: 'pause.validator', value: { paused: true } },
    ]);
    expect([actions, problems]).toEqual([{ 'time.too_late': 'off' }, []]);
  });

  it.each([
    ['rules.time.unknown', { action: 'off' }, 'there is no rule time.unknown'],
    ['rules.toString', { action: 'off' }, 'there is no rule toString'],
    ['rules.time.too_old', { action: 'off' }, 'time.too_old can be reject, skip'],
    ['rules.time.too_late', { action: 'drop' }, 'time.too_late can be reject, flag, skip, off'],
    ['rules.time.too_late', 'off', 'time.too_late can be reject, flag, skip, off'],
  ])('has a problem with %s = %j', (subject, value, problem) => {
    expect(runTimeActions([{ subject, value }])).toEqual({ actions: {}, problems: [problem] });
  });
});
