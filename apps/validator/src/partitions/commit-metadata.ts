/** What a commit says beside its offset. */
export interface CommitMetadata {
  /** Identifies the commit among those of all instances. Undefined where a validator did not write it. */
  readonly token: string | undefined;
  /** Id of the topic that the offset is of. Undefined where the broker or the client has none. */
  readonly topicId: string | undefined;
}

export const commitMetadata = (token: string, topicId?: string): string =>
  JSON.stringify({ v: 1, t: token, ...(topicId === undefined ? {} : { log: topicId }) });

/** Reads the metadata of a committed offset. */
export function readMetadata(metadata: string | undefined): CommitMetadata {
  const fields = fieldsOf(metadata ?? '');
  return { token: textOf(fields.t), topicId: textOf(fields.log) };
}

/** The token in the metadata of a committed offset; undefined where a validator did not write it. */
export const tokenOf = (metadata: string | undefined): string | undefined => readMetadata(metadata).token;

function fieldsOf(metadata: string): Readonly<Record<string, unknown>> {
  try {
    const parsed: unknown = JSON.parse(metadata);
    return typeof parsed === 'object' && parsed !== null ? (parsed as Readonly<Record<string, unknown>>) : {};
  } catch {
    // A tool of an operator may have written any text.
    return {};
  }
}

const textOf = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);
