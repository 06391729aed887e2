/** The status of an entry that is written before the command takes effect. A later one with the same request id has its outcome. */
export const BEGUN = 102;

/** A change, or an attempt at one. No personal data: of a body only what the endpoint declares. */
export interface AuditEntry {
  /** RFC 3339, UTC. */
  readonly at: string;
  readonly actor: string;
  /** The role of the token; `shell` for a command of the command line. */
  readonly role: string;
  /** `POST /admin/pause`, or the name of the command. */
  readonly action: string;
  /** What is changed: a setting, such as `rules.time.too_late`; a partition; otherwise the service. */
  readonly subject: string;
  readonly before?: unknown;
  readonly after?: unknown;
  readonly requestId: string;
  /** The status of the answer; 102 of an entry that is written before the command takes effect. */
  readonly status: number;
  readonly service: string;
}

/** Far below the limit of the topic. */
const MAX_BYTES = 100_000;

export function encodeAudit(entry: AuditEntry): Buffer {
  const encoded = Buffer.from(JSON.stringify(entry));
  if (encoded.length <= MAX_BYTES) return encoded;
  const after = `${String(encoded.length)} bytes, left out`;
  return Buffer.from(JSON.stringify({ ...entry, before: undefined, after }));
}
