import { RULE_CODES, type RuleAction, type RuleCode } from '@orderstream/contracts';
import type { Reason, Verdict } from '../verdict';
import { violated } from './constraint';

const RANK: ReadonlyMap<RuleCode, number> = new Map(RULE_CODES.map((code, rank) => [code, rank]));
const rank = (code: RuleCode): number => RANK.get(code) ?? RANK.size;

const ACCEPTED: Verdict = Object.freeze({ kind: 'accept', flags: Object.freeze([]) });

/**
 * Collects the rules that fire on one record and derives the verdict: a reject has precedence over a skip, and a skip
 * over a repair. An evaluator reuses one instance for all records, so a valid record costs no allocation.
 */
export class Findings {
  private reasons: Reason[] = [];
  private flags: RuleCode[] = [];
  private skippedBy: RuleCode | undefined;
  private repairs: Record<string, unknown> | undefined;

  constructor(private readonly actions: Readonly<Record<RuleCode, RuleAction>>) {}

  reset(): void {
    if (this.reasons.length > 0) this.reasons = [];
    if (this.flags.length > 0) this.flags = [];
    this.skippedBy = undefined;
    this.repairs = undefined;
  }

  /** Whether the rule is not `off`. */
  enabled(code: RuleCode): boolean {
    return this.actions[code] !== 'off';
  }

  /** Whether the verdict will be `reject` or `skip`, whatever else fires. */
  get rejected(): boolean {
    return this.reasons.length > 0 || this.skippedBy !== undefined;
  }

  /** The rule fires with its configured action. */
  fire(code: RuleCode, path?: string, constraint?: string): void {
    this.take(code, this.actions[code], path, constraint);
  }

  /** The rule fires without proof, because what it relies on may have been forgotten: it flags the record at most. */
  fireUnproven(code: RuleCode): void {
    if (this.actions[code] !== 'off') this.take(code, 'flag');
  }

  /**
   * The rule fires. If its action is `repair`, the field gets this value. Returns whether it does.
   * @param expected with `found`, what a rejection says: no personal data
   */
  fireRepair(code: RuleCode, path: string, value: unknown, expected: string, found: string): boolean {
    const action = this.actions[code];
    this.take(code, action, path, action === 'reject' ? violated('equalsKnown', expected, found) : undefined);
    if (action !== 'repair') return false;
    this.repairs ??= {};
    this.repairs[path] = value;
    return true;
  }

  verdict(body: Readonly<Record<string, unknown>> | undefined): Verdict {
    if (this.reasons.length > 0) {
      return { kind: 'reject', reasons: this.reasons.toSorted((a, b) => rank(a.code) - rank(b.code)) };
    }
    if (this.skippedBy !== undefined) return { kind: 'skip', rule: this.skippedBy };
    if (this.flags.length === 0) return ACCEPTED;
    const flags = this.flags.toSorted((a, b) => rank(a) - rank(b));
    if (this.repairs === undefined) return { kind: 'accept', flags };
    return { kind: 'repair', flags, body: { ...body, ...this.repairs } };
  }

  private take(code: RuleCode, action: RuleAction, path?: string, constraint?: string): void {
    switch (action) {
      case 'off':
        return;
      case 'reject':
        this.reasons.push({
          code,
          ...(path === undefined ? {} : { path }),
          ...(constraint === undefined ? {} : { constraint }),
        });
        return;
      case 'skip':
        this.skippedBy ??= code;
        return;
      case 'flag':
      case 'repair':
        if (!this.flags.includes(code)) this.flags.push(code);
    }
  }
}
