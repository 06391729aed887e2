import { PARTITIONS, stateTopic } from '@orderstream/contracts';
import { z } from 'zod';

export interface ValidatorStateOptions {
  /** URLs of all services, by name. Those of validators begin with `validator`. */
  readonly serviceUrls: Readonly<Record<string, string>>;
  /** Bearer token of an operator; without one, no validator is asked. */
  readonly token: string | undefined;
  readonly timeoutMs?: number;
}

export interface Forgotten {
  /** Entries that were removed now. */
  readonly removed: number;
  /** Why a partition may still have the customer; empty if none has. */
  readonly problems: readonly string[];
}

/** A commit of each partition; more than the validators' own deadline for one. */
const TIMEOUT_MS = 30_000;
const MAX_PROBLEM = 300;
const IS_VALIDATOR = /^validator(?:-|$)/;

const answerSchema = z.object({
  partitions: z.array(z.object({ partition: z.int(), removed: z.int() })),
  failed: z.array(z.object({ partition: z.int(), detail: z.string() })),
});

/**
 * What the validators remember of customers. Only the owner of a partition writes its state: every instance is asked, and
 * each of them does it in the partitions that it has. A repetition is harmless.
 */
export class ValidatorState {
  readonly topic = stateTopic('orders');
  private readonly urls: readonly (readonly [name: string, url: string])[];

  constructor(private readonly options: ValidatorStateOptions) {
    this.urls = Object.entries(options.serviceUrls).filter(([name]) => IS_VALIDATOR.test(name));
  }

  /** Whether there is anybody to ask. */
  get isReachable(): boolean {
    return this.options.token !== undefined && this.urls.length > 0;
  }

  /** Never rejects. @param customer see `customerHash` */
  async forget(customer: string): Promise<Forgotten> {
    const problems: string[] = [];
    const open = new Set<number>();
    let removed = 0;
    const asked = this.urls.map(async ([name, url]) => {
      try {
        const { partitions, failed } = await this.ask(url, customer);
        for (const one of partitions) {
          open.add(one.partition);
          removed += one.removed;
        }
        for (const { partition, detail } of failed) problems.push(`${name}, partition ${String(partition)}: ${detail}`);
      } catch (error) {
        problems.push(`${name}: ${reasonOf(error)}`);
      }
    });
    await Promise.all(asked);
    const missing = Array.from({ length: PARTITIONS }, (_, partition) => partition).filter((one) => !open.has(one));
    if (missing.length === 0) return { removed, problems: [] };
    return { removed, problems: [`no validator has answered for partitions ${missing.join(', ')}`, ...problems] };
  }

  private async ask(url: string, customer: string): Promise<z.infer<typeof answerSchema>> {
    const response = await fetch(`${url}/admin/forget-customer`, {
      method: 'POST',
      headers: { authorization: `Bearer ${this.options.token ?? ''}`, 'content-type': 'application/json' },
      body: JSON.stringify({ customer }),
      redirect: 'error',
      signal: AbortSignal.timeout(this.options.timeoutMs ?? TIMEOUT_MS),
    });
    const body: unknown = await response.json().catch(() => undefined);
    if (response.status !== 200) throw new Error(`status ${String(response.status)}${detailOf(body)}`);
    return answerSchema.parse(body);
  }
}

function detailOf(problem: unknown): string {
  const { detail } = z.object({ detail: z.string() }).safeParse(problem).data ?? {};
  return detail === undefined ? '' : `: ${detail.slice(0, MAX_PROBLEM)}`;
}

/** The reason of a failed fetch is in its cause. */
function reasonOf(error: unknown): string {
  const { message, cause } = error as { readonly message?: unknown; readonly cause?: { readonly message?: unknown } };
  const reason = cause?.message ?? message;
  return typeof reason === 'string' && reason !== '' ? reason.slice(0, MAX_PROBLEM) : String(error);
}
