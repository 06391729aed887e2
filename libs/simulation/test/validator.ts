import { compileChecks } from '@orderstream/contracts';
import { LogEvaluator, type Verdict } from '@orderstream/quality';
import { type SimulatedEvent, type SimulatedRecord } from '../src';
import { goodRecord } from '../src/records/good-record';
import { appendMsOf } from '../src/time/timestamps';

/** The validator's rules with their state, record by record. */
export class Validator {
  private readonly log = new LogEvaluator();

  evaluate({ family, partition, key, value, headers }: SimulatedRecord, appendMs: number): Verdict {
    return this.log.evaluate(family, { partition, timestamp: appendMs, key, value, headers });
  }

  /** An event as it is, appended when it is emitted. */
  evaluateEvent(event: SimulatedEvent): Verdict {
    return this.evaluate(goodRecord({ ...event, n: 0 }, 'test'), appendMsOf(event.emittedMicros));
  }

  get accounting() {
    return this.log.accounting;
  }
}

const CHECKS = compileChecks();

/** Whether the body meets its contract as it is, before it is encoded. */
export const meetsContract = ({ type, body }: SimulatedEvent): boolean =>
  CHECKS.get(type)?.(body as unknown as Readonly<Record<string, unknown>>) === true;
