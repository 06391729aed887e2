import { comparisonWarnings } from './preview-plan';

const difference = (service: string, setting: string) => ({ setting, service, dryRun: 1, validator: null });

describe('the warnings of a preview about its settings', () => {
  it('name what each validator evaluates by otherwise', () => {
    const differences = [difference('validator', 'STATE_MAX_EVENTS'), difference('validator', 'RULE_MAX_LATE_MS')];
    expect(comparisonWarnings({ comparedWith: ['validator', 'validator-2'], differences })).toEqual([
      'The dry run does not evaluate as validator does: STATE_MAX_EVENTS is 1, there not known; RULE_MAX_LATE_MS is 1, there not known. ' +
        'Give the console the settings of the validators, and preview again.',
    ]);
  });

  it('are none when all validators have the same settings', () => {
    expect(comparisonWarnings({ comparedWith: ['validator'], differences: [] })).toEqual([]);
  });

  it('say why nothing was compared', () => {
    const unknown = 'no service has said it';
    expect(comparisonWarnings({ comparedWith: [], differences: [], unknown })).toEqual([
      'It is not known whether the validators evaluate by the settings of the dry run: no service has said it.',
    ]);
  });
});
