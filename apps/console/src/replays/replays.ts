import { Inject, Injectable } from '@nestjs/common';
import { type Plan, ReplayPlans } from '@orderstream/dead-letters';
import { type LetterDto } from '../dead-letters/letter.dto';
import { DeadLetters } from '../dead-letters/dead-letters';
import { letterView } from '../dead-letters/letter-view';
import { ConsoleProblem } from '../problems';

/** Previews whose samples are in memory. */
const MAX_SAMPLED = 100;

/** Replay plans as the API shows them: with the letters of their samples, and in pages. */
@Injectable()
export class Replays {
  /** By plan and time of its preview: a preview does not change. */
  private readonly samples = new Map<string, readonly LetterDto[]>();

  constructor(
    @Inject(ReplayPlans) readonly plans: ReplayPlans,
    private readonly deadLetters: DeadLetters,
  ) {}

  /** The letters of a preview's samples, as far as retention has left them. */
  async samplesOf({ id, preview }: Plan): Promise<readonly LetterDto[]> {
    if (preview === undefined) return [];
    const name = `${id} ${preview.at}`;
    const known = this.samples.get(name);
    if (known !== undefined) return known;
    const letters = await this.deadLetters.search.byId(preview.samples, letterView);
    const [oldest] = this.samples.keys();
    if (this.samples.size >= MAX_SAMPLED && oldest !== undefined) this.samples.delete(oldest);
    this.samples.set(name, letters);
    return letters;
  }

  /** @throws ConsoleProblem cursor-rejected */
  page(limit: number, cursor: string | undefined): { readonly plans: readonly Plan[]; readonly next?: string } {
    const all = this.plans.list();
    const from = cursor === undefined ? 0 : 1 + all.findIndex(({ id }) => id === planOf(cursor));
    if (cursor !== undefined && from === 0) {
      throw new ConsoleProblem('cursor-rejected', 'The cursor is not one of the list of replay plans.');
    }
    const plans = all.slice(from, from + limit);
    const last = plans.at(-1);
    const isEnd = last === undefined || from + plans.length === all.length;
    return { plans, ...(isEnd ? {} : { next: Buffer.from(`plan ${last.id}`).toString('base64url') }) };
  }
}

const planOf = (cursor: string): string | undefined =>
  /^plan (.+)$/.exec(Buffer.from(cursor, 'base64url').toString('utf8'))?.[1];
