import { z } from 'zod';

/** A subject that an operator has changed at run time. */
export interface Setting {
  readonly subject: string;
  /** Null: back to the default, or to the environment. */
  readonly value: unknown;
  /** Changes with each change of the subject. The entity tag of the subject; 0 of one that was never changed. */
  readonly revision: number;
  readonly changedBy: string;
  /** RFC 3339, UTC. */
  readonly changedAt: string;
  /** Of the change that wrote it. */
  readonly changeId: string;
}

const stored = z.object({
  value: z.unknown(),
  changedBy: z.string().max(200),
  changedAt: z.iso.datetime(),
  changeId: z.string().max(100),
});

export function encodeSetting({
  value,
  changedBy,
  changedAt,
  changeId,
}: Omit<Setting, 'subject' | 'revision'>): Buffer {
  return Buffer.from(JSON.stringify({ value, changedBy, changedAt, changeId }));
}

/** Undefined if the bytes are not a setting. */
export function decodeSetting(subject: string, value: Buffer, revision: number): Setting | undefined {
  let json: unknown;
  try {
    json = JSON.parse(value.toString());
  } catch {
    return undefined;
  }
  const { data } = stored.safeParse(json);
  return data && { ...data, subject, revision };
}
