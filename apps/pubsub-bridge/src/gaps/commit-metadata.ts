/** Most gaps that one partition keeps. The oldest two become one when there are more. */
export const MAX_GAPS = 10;
/** Bound of the broker (`offset.metadata.max.bytes`, 4,096 by default), with a rest of 96 bytes. */
const MAX_BYTES = 4_000;
/** A label value has 63 characters at most. */
const MAX_IDENTITY_LENGTH = 63;

/** Records of one partition whose delivery is in doubt, because the subscription that retained them was deleted. */
export interface PartitionGap {
  /** Last check that found the deleted subscription (RFC 3339). */
  readonly from: string;
  /** First check that found the next one (RFC 3339). */
  readonly to: string;
  readonly fromOffset: number;
  /** The offset after the last one. Equal to `fromOffset` when nothing was published between the two checks. */
  readonly toOffset: number;
}

/** The last check that found the subscription. */
export interface SubscriptionCheck {
  /** Differs between two subscriptions of one name. */
  readonly id: string;
  /** RFC 3339. */
  readonly at: string;
  /** What was published below was acknowledged before the check. Undefined when the partition had no offset yet. */
  readonly offset?: number | undefined;
}

const OWN_FIELDS: ReadonlySet<string> = new Set(['v', 'log', 'subscription', 'gaps']);

/** What a committed offset carries beside itself. */
export interface CommitState {
  /** Id of the topic that the offset is of. */
  readonly log?: string | undefined;
  readonly gaps: readonly PartitionGap[];
  readonly subscription?: SubscriptionCheck | undefined;
  /** Fields of the metadata that this service does not know. A commit retains them. */
  readonly other?: Readonly<Record<string, unknown>>;
}

/** Reads the metadata of a committed offset. A tool may have written any text, and commits of the consumer group have none. */
export function readCommitState(metadata: string | undefined): CommitState {
  const parsed = objectOf(metadata ?? '');
  if (parsed === undefined) return { gaps: [] };
  const { log, gaps, subscription } = parsed;
  const other = Object.fromEntries(Object.entries(parsed).filter(([name]) => !OWN_FIELDS.has(name)));
  return {
    log: typeof log === 'string' ? log : undefined,
    gaps: bounded(Array.isArray(gaps) ? gaps.filter(isGap) : []),
    subscription: isCheck(subscription) ? subscription : undefined,
    other,
  };
}

/**
 * Metadata of a commit: `{"v":1,"log":topic id,"subscription":{"id","at","offset"},"gaps":[{"from","to","fromOffset","toOffset"}]}`,
 * and the other fields that were there. At most 4,000 bytes: fields that are not of this service give way to its own.
 */
export function writeCommitState({ log, gaps, subscription, other = {} }: CommitState): string {
  const own = {
    v: 1,
    ...(log === undefined ? {} : { log }),
    ...(subscription === undefined ? {} : { subscription }),
    ...(gaps.length === 0 ? {} : { gaps: bounded(gaps).map(gapFields) }),
  };
  const whole = JSON.stringify({ ...other, ...own });
  return Buffer.byteLength(whole) <= MAX_BYTES ? whole : JSON.stringify(own);
}

/**
 * The state after the committed offset was moved to an earlier one on purpose. What follows is published again: gaps that begin
 * at or above the offset end, and the records behind it are not acknowledged.
 */
export function rewoundTo(offset: number, state: CommitState): CommitState {
  const { subscription } = state;
  const isAbove = subscription?.offset !== undefined && offset < subscription.offset;
  return {
    ...state,
    gaps: state.gaps.filter(({ fromOffset }) => fromOffset < offset),
    subscription: isAbove ? { ...subscription, offset } : subscription,
  };
}

/** In the order of their end; the oldest two become one while there are more than the bound. */
export function bounded(gaps: readonly PartitionGap[]): readonly PartitionGap[] {
  const merged = gaps.toSorted((a, b) => a.to.localeCompare(b.to));
  for (;;) {
    const [first, second] = merged;
    if (merged.length <= MAX_GAPS || first === undefined || second === undefined) return merged;
    merged.splice(0, 2, {
      from: first.from < second.from ? first.from : second.from,
      to: second.to,
      fromOffset: Math.min(first.fromOffset, second.fromOffset),
      toOffset: Math.max(first.toOffset, second.toOffset),
    });
  }
}

function objectOf(text: string): Record<string, unknown> | undefined {
  try {
    const parsed: unknown = JSON.parse(text);
    return isObject(parsed) ? parsed : undefined;
  } catch {
    // Any text may be there.
    return undefined;
  }
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isOffset = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0;
const isTime = (value: unknown): value is string =>
  typeof value === 'string' && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(value);

const isGap = (value: unknown): value is PartitionGap =>
  isObject(value) &&
  isTime(value.from) &&
  isTime(value.to) &&
  isOffset(value.fromOffset) &&
  isOffset(value.toOffset) &&
  value.fromOffset <= value.toOffset;

const isCheck = (value: unknown): value is SubscriptionCheck =>
  isObject(value) &&
  typeof value.id === 'string' &&
  value.id.length <= MAX_IDENTITY_LENGTH &&
  isTime(value.at) &&
  (value.offset === undefined || isOffset(value.offset));

const gapFields = ({ from, to, fromOffset, toOffset }: PartitionGap): PartitionGap => ({
  from,
  to,
  fromOffset,
  toOffset,
});
