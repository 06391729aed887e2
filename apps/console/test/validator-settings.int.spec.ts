import { randomUUID } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import { type AddressInfo } from 'node:net';
import { loadSettings } from '@orderstream/config';
import { deadLetterTopic, rawTopic, TOPICS } from '@orderstream/contracts';
import { type Plan } from '@orderstream/dead-letters';
import { waitUntil } from '@orderstream/deadlines';
import { createKafka, ensureTopics } from '@orderstream/kafka';
import { evaluationValues, qualitySettings } from '@orderstream/quality';
import { consoleSettings } from '../src/console.config';
import { BROKERS, RunningConsole } from './running-console';

jest.setTimeout(120_000);

const SOURCE = rawTopic('customers');
const { state } = loadSettings(consoleSettings, { KAFKA_BROKERS: BROKERS });

/** Answers as a validator that evaluates late events, and remembers events, otherwise than the console does. */
async function startValidator(): Promise<Server> {
  const evaluatesBy = {
    ...evaluationValues(qualitySettings(), { state }),
    RULE_MAX_LATE_MS: 1_000,
    STATE_MAX_EVENTS: 7,
  };
  const server = createServer((request, response) => {
    const answers: Readonly<Record<string, object>> = {
      '/health/ready': { checks: {} },
      '/admin/status': { evaluatesBy },
    };
    response.end(request.url === '/metrics' ? '' : JSON.stringify(answers[request.url ?? '']));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

async function previewed(desk: RunningConsole): Promise<NonNullable<Plan['preview']>> {
  const body = { topic: deadLetterTopic(SOURCE, 'validator'), filter: { reason: randomUUID() } };
  const key = randomUUID();
  const { id } = await waitUntil(
    async () => {
      const created = await desk.call<Plan>('/admin/replays', {
        ...{ method: 'POST', headers: { 'idempotency-key': key }, body },
      });
      return created.status < 300 && created.body;
    },
    { what: 'the plan to be created', deadlineMs: 60_000 },
  );
  await desk.call(`/admin/replays/${id}/preview`, { method: 'POST' });
  const ready = await waitUntil(
    async () => {
      const plan = await desk.get<Plan>(`/admin/replays/${id}`);
      return plan.state === 'ready' && plan;
    },
    { what: 'the preview', deadlineMs: 60_000 },
  );
  await desk.call(`/admin/replays/${id}/cancel`, { method: 'POST' });
  if (ready.preview === undefined) throw new Error('a plan that is ready has no preview');
  return ready.preview;
}

describe('the preview of a plan', () => {
  beforeAll(async () => {
    const kafka = createKafka({ brokers: BROKERS.split(','), clientId: 'validator-settings-spec' });
    await ensureTopics(
      kafka,
      TOPICS.filter(({ name }) => name === SOURCE),
      { replication: 1 },
    );
  });

  it('names each setting by which a validator evaluates otherwise', async () => {
    const validator = await startValidator();
    const url = `http://127.0.0.1:${String((validator.address() as AddressInfo).port)}`;
    const desk = await RunningConsole.start({
      SERVICE_URLS: JSON.stringify({ 'validator-2': url }),
      SERVICE_TOKEN: 'token-of-the-console',
    });
    try {
      const { settings, warnings } = await previewed(desk);
      expect(settings.comparedWith).toEqual(['validator-2']);
      const service = 'validator-2';
      expect(settings.differences).toEqual(
        expect.arrayContaining([
          { setting: 'RULE_MAX_LATE_MS', dryRun: 604_800_000, validator: 1_000, service },
          { setting: 'STATE_MAX_EVENTS', dryRun: state.maxEvents, validator: 7, service },
        ]),
      );
      // Other tests change rules at run time on this broker.
      const others = settings.differences?.filter(({ setting }) => !setting.startsWith('RULE_ACTIONS.'));
      expect(others).toHaveLength(2);
      expect(warnings[0]).toMatch(/not evaluate as validator-2 does: .*RULE_MAX_LATE_MS is 604800000, there 1000/);
    } finally {
      await desk.stop();
      validator.close();
    }
  });

  it('says when no validator can be asked', async () => {
    const desk = await RunningConsole.start({ SERVICE_URLS: JSON.stringify({ validator: 'http://127.0.0.1:1' }) });
    try {
      const { settings, warnings } = await previewed(desk);
      expect([settings.comparedWith, settings.differences]).toEqual([[], []]);
      expect(warnings[0]).toMatch(/It is not known whether .* \(validator: .*\)/);
    } finally {
      await desk.stop();
    }
  });
});
