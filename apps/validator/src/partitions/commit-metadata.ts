/** The metadata of a commit. The token identifies the commit among those of all instances. */
export const commitMetadata = (token: string): string => JSON.stringify({ v: 1, t: token });

/** The token in the metadata of a committed offset; undefined where a validator did not write it. */
export function tokenOf(metadata: string | undefined): string | undefined {
  if (metadata === undefined || metadata === '') return undefined;
  try {
    const parsed: unknown = JSON.parse(metadata);
    if (typeof parsed !== 'object' || parsed === null || !('t' in parsed)) return undefined;
    return typeof parsed.t === 'string' ? parsed.t : undefined;
  } catch {
    return undefined;
  }
}
