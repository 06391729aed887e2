import { waitUntil } from '@orderstream/deadlines';
import { createLogger, Metrics } from '@orderstream/observability';
import { LogLines } from '../../../../test/support/fake-process';
import { OperatorLogError } from '../operator-log/errors';
import { MemoryOperatorLog } from '../operator-log/memory-operator-log';
import { type AuditEntry, encodeAudit } from './audit-entry';
import { AuditTrail } from './audit-trail';

const entry = (requestId: string, status = 200) => ({
  actor: 'ann',
  role: 'operator',
  action: 'POST /admin/rate',
  subject: 'probe',
  requestId,
  service: 'probe',
  status,
});

function trailOn(log: MemoryOperatorLog) {
  const lines = new LogLines();
  const metrics = new Metrics({ app: 'probe', processMetrics: false });
  const trail = new AuditTrail({
    log,
    logger: createLogger({ service: 'probe', level: 'info', destination: lines }),
    metrics,
    timing: { writeTimeoutMs: 30, retryMs: { first: 5, max: 10 } },
  });
  const stored = (): readonly AuditEntry[] => log.audited.map((one) => JSON.parse(one.toString()) as AuditEntry);
  return { trail, lines, metrics, stored };
}

describe('the audit trail', () => {
  it('stores an entry before a command, and rejects the command when that is not possible', async () => {
    const log = new MemoryOperatorLog();
    const { trail, stored } = trailOn(log);
    await trail.before(entry('1'));
    expect(stored()).toMatchObject([{ requestId: '1', status: 102, at: expect.stringMatching(/Z$/) as string }]);
    jest.spyOn(log, 'audit').mockRejectedValueOnce(new Error('no broker'));
    await expect(trail.before(entry('2'))).rejects.toBeInstanceOf(OperatorLogError);
    jest.spyOn(log, 'audit').mockImplementationOnce(() => new Promise(() => undefined));
    await expect(trail.before(entry('3'))).rejects.toBeInstanceOf(OperatorLogError);
    await trail.stop();
  });

  it('keeps entries while Kafka does not answer, and stores each of them once, in their order', async () => {
    const log = new MemoryOperatorLog();
    const { trail, stored, metrics } = trailOn(log);
    const audit = jest.spyOn(log, 'audit').mockRejectedValue(new Error('no broker'));
    for (let i = 0; i < 250; i++) trail.later(entry(String(i)));
    await waitUntil(() => audit.mock.calls.length > 2, { what: 'retries', deadlineMs: 2_000, intervalMs: 1 });
    expect(await metrics.registry.getSingleMetricAsString('orderstream_audit_waiting')).toContain(' 250');
    audit.mockRestore();
    await waitUntil(() => stored().length === 250, { what: 'the entries', deadlineMs: 2_000, intervalMs: 1 });
    expect(stored().map(({ requestId }) => requestId)).toEqual(Array.from({ length: 250 }, (_, i) => String(i)));
    await trail.stop();
    expect(stored()).toHaveLength(250);
  });

  it('bounds what waits: the oldest is only in the log then, and counted', async () => {
    const log = new MemoryOperatorLog();
    const { trail, stored, metrics, lines } = trailOn(log);
    const audit = jest.spyOn(log, 'audit').mockRejectedValue(new Error('no broker'));
    for (let i = 0; i < 1_003; i++) trail.later(entry(String(i)));
    audit.mockRestore();
    await waitUntil(() => stored().length >= 1_000, { what: 'the entries', deadlineMs: 2_000, intervalMs: 1 });
    expect([stored()[0]?.requestId, stored().length]).toEqual(['3', 1_000]);
    expect(await metrics.registry.getSingleMetricAsString('orderstream_audit_dropped_total')).toContain(' 3');
    expect(lines.lines.filter((line) => line.audit === true)).toHaveLength(1_003);
    await trail.stop();
  });

  it('stores what waits when the service stops', async () => {
    const log = new MemoryOperatorLog();
    const { trail, stored } = trailOn(log);
    const audit = jest.spyOn(log, 'audit').mockRejectedValue(new Error('no broker'));
    trail.later(entry('1'));
    await new Promise((resolve) => setImmediate(resolve));
    audit.mockRestore();
    await trail.stop();
    expect(stored().map(({ requestId }) => requestId)).toEqual(['1']);
  });

  it('leaves out what is too large for its topic', () => {
    const large = { ...entry('1'), at: '2026-01-01T00:00:00Z', after: 'x'.repeat(200_000) };
    const encoded = JSON.parse(encodeAudit(large).toString()) as AuditEntry;
    expect(encoded).toMatchObject({ requestId: '1', after: expect.stringMatching(/^\d+ bytes, left out$/) as string });
  });
});
