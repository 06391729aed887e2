import { loadSettings } from '@orderstream/config';
import { evaluationValues, qualitySettings } from '@orderstream/quality';
import { consoleSettings } from '../console.config';
import { type ServiceReport } from '../overview/service-probe';
import { compareSettings } from './validator-settings';

const { state } = loadSettings(consoleSettings, {
  KAFKA_BROKERS: 'localhost:9092',
  PUBSUB_PROJECT: 'orderstream-local',
});
const OWN = evaluationValues(qualitySettings(), { state });

const report = (name: string, status?: object, error?: string): ServiceReport => ({
  ...{ name, url: `http://${name}`, state: status === undefined ? 'unreachable' : 'ready' },
  ...(status === undefined ? {} : { status }),
  ...(error === undefined ? {} : { error }),
});

describe('the settings of the dry run', () => {
  it('are every setting of rules and memory, by its name, and the action of each rule', () => {
    expect(Object.keys(OWN)).toEqual(
      expect.arrayContaining([
        ...['RULE_ACTIONS.time.too_late', 'RULE_MAX_AHEAD_MS', 'RULE_MAX_LATE_MS', 'STATE_EVENT_WINDOW_MS'],
        ...['STATE_MAX_EVENTS', 'STATE_ORDER_KEY_WINDOW_MS', 'STATE_MAX_ORDER_KEYS', 'STATE_LIFECYCLE_WINDOW_MS'],
        ...['STATE_MAX_LIFECYCLES', 'STATE_MAX_REGISTRATIONS', 'CATALOG_MAX_ENTITIES'],
      ]),
    );
    expect(OWN).toMatchObject({ 'RULE_ACTIONS.time.too_late': 'flag', RULE_MAX_LATE_MS: 604_800_000 });
  });

  it('are those of the validators, and other services do not matter', () => {
    const reports = [
      report('bq-sink', { partitions: [] }),
      report('pubsub-bridge', undefined, 'connect ECONNREFUSED'),
      report('validator', { evaluatesBy: OWN }),
    ];
    expect(compareSettings(OWN, reports)).toEqual({ comparedWith: ['validator'], differences: [] });
  });

  it('differ by what a validator has otherwise, or in one of the two only', () => {
    const { STATE_MAX_EVENTS, ...others } = OWN;
    const reports = [
      report('validator', { evaluatesBy: { ...OWN, 'RULE_ACTIONS.time.too_late': 'reject', RULE_NEW: 'x' } }),
      report('validator-2', { evaluatesBy: others }),
      report('validator-3', { evaluatesBy: OWN }),
    ];
    expect(compareSettings(OWN, reports)).toEqual({
      comparedWith: ['validator', 'validator-2', 'validator-3'],
      differences: [
        { setting: 'RULE_ACTIONS.time.too_late', dryRun: 'flag', validator: 'reject', service: 'validator' },
        { setting: 'RULE_NEW', dryRun: null, validator: 'x', service: 'validator' },
        { setting: 'STATE_MAX_EVENTS', dryRun: STATE_MAX_EVENTS, validator: null, service: 'validator-2' },
      ],
    });
  });

  it.each([
    ['no service is asked', [], 'no service of SERVICE_URLS has said what it evaluates by'],
    [
      'the validator does not answer',
      [report('validator', undefined, '/admin/status: no answer in time'), report('bq-sink', {})],
      'no service of SERVICE_URLS has said what it evaluates by (validator: /admin/status: no answer in time)',
    ],
    [
      'there is no token',
      [report('validator')],
      'no service of SERVICE_URLS has said what it evaluates by (validator: not asked without SERVICE_TOKEN)',
    ],
    [
      'the validator says it in another form',
      [report('validator', { evaluatesBy: 'all' })],
      'no service of SERVICE_URLS has said what it evaluates by',
    ],
  ])('are not compared when %s', (_, reports, unknown) => {
    expect(compareSettings(OWN, reports)).toEqual({ comparedWith: [], differences: [], unknown });
  });
});
