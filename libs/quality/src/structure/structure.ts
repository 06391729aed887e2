import { type compileChecks, type EventContract, explain } from '@orderstream/contracts';
import { violated } from '../rules/constraint';
import type { Findings } from '../rules/findings';
import type { RawRecord } from '../verdict';
import { type Body, type ParsedBody, parseBody } from './body';
import { Envelope, headerText } from './envelope';
import { jsonDetails } from './json-scan';
import { checkSize } from './record-size';

/** A record that meets its contract. */
export interface ContractedEvent {
  readonly type: string;
  readonly body: Body;
  /** See `identityOf`. */
  readonly identity: string;
}

/** The identity of an event. Ids are visible ASCII by contract, so the space separates them from the source. */
export const identityOf = (source: string, id: string): string => `${id} ${source}`;

/** The identity in a record's envelope, or undefined if it is incomplete. */
export function identityOfRecord(headers: RawRecord['headers']): string | undefined {
  const id = headerText(headers, 'ce_id');
  const source = headerText(headers, 'ce_source');
  if (typeof id !== 'string' || typeof source !== 'string') return undefined;
  return identityOf(source, id);
}

/** The structure rules of one family. */
export class Structure {
  private readonly envelope = new Envelope();

  constructor(
    private readonly contracts: ReadonlyMap<string, EventContract>,
    private readonly checks: ReturnType<typeof compileChecks>,
    private readonly maxRecordBytes: number,
    /** Partition of a key, as the producers' partitioner computes it. */
    private readonly partitionOf: (key: Buffer) => number,
  ) {}

  /** The event, or undefined if a rule fires. Every violated rule fires, not only the first. */
  check(record: RawRecord, findings: Findings): ContractedEvent | undefined {
    checkSize(record, this.maxRecordBytes, findings);
    // A value that may be too large is not parsed.
    const parsed = findings.rejected ? undefined : this.parse(record.value, findings);
    const body = parsed?.body;
    const contract = parsed === undefined ? undefined : this.checkBody(record, parsed, findings);
    this.checkKey(record, body, contract, findings);
    const source = this.envelope.check(record.headers, body, findings);
    if (findings.rejected || body === undefined || contract === undefined || source === undefined) return undefined;
    return { type: contract.type, body, identity: identityOf(source, String(body.event_id)) };
  }

  private parse(value: Buffer | null, findings: Findings): ParsedBody | undefined {
    const parsed = parseBody(value);
    if (typeof parsed !== 'string') return parsed;
    findings.fire('structure.malformed_json', 'value', parsed);
    return undefined;
  }

  /** The contract of the body's type, whether or not the body meets it. */
  private checkBody(
    record: RawRecord,
    { body, text, plainNumbers }: ParsedBody,
    findings: Findings,
  ): EventContract | undefined {
    const claimed = Object.hasOwn(body, 'event_type') ? body.event_type : undefined;
    // A body without a type is checked against the type of its envelope.
    const type = typeof claimed === 'string' ? claimed : (headerText(record.headers, 'ce_type') ?? '');
    const contract = this.contracts.get(type);
    if (contract === undefined) {
      const constraint = violated('isKnownType', 'an event type of this topic', type === '' ? 'none' : type);
      findings.fire('structure.unknown_type', 'event_type', constraint);
      return undefined;
    }
    if (this.checks.get(type)?.(body) === true && plainNumbers) return contract;
    const violations = explain(type, body, jsonDetails(text).numbers);
    for (const { path, constraint, message } of violations) {
      findings.fire('structure.invalid_field', path, `${constraint}: ${message}`);
    }
    if (violations.length === 0) findings.fire('structure.invalid_field', 'value', 'isContract');
    return contract;
  }

  private checkKey(
    { key, partition }: RawRecord,
    body: Body | undefined,
    contract: EventContract | undefined,
    findings: Findings,
  ): void {
    if (key === null) {
      findings.fire('structure.key_mismatch', 'key', violated('required', 'a key', 'none'));
      return;
    }
    if (body !== undefined && contract !== undefined) {
      const expected = body[contract.keyField];
      // A field that is not a string has its own violation. Key fields are ASCII by contract: latin1 compares the
      // bytes.
      if (typeof expected === 'string' && key.toString('latin1') !== expected) {
        const constraint = violated(`equals:${contract.keyField}`, expected, key.toString());
        findings.fire('structure.key_mismatch', 'key', constraint);
      }
    }
    const own = this.partitionOf(key);
    if (own !== partition) {
      findings.fire(
        'structure.key_mismatch',
        'key',
        violated('isInItsPartition', `${String(own)} (murmur2)`, partition),
      );
    }
  }
}
