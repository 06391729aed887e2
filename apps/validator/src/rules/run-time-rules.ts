import { Inject, Injectable } from '@nestjs/common';
import { RULE_CODES, RULES, type RuleAction, type RuleCode } from '@orderstream/contracts';
import type { Health, Logger } from '@orderstream/observability';
import { allowedActions, type QualitySettings, ruleSubject, runTimeActions } from '@orderstream/quality';
import { type Caller, HEALTH, LOGGER, RuntimeSettings, SETTINGS } from '@orderstream/service';
import { z } from 'zod';
import type { BreakerLimits } from '../partitions/circuit-breaker';
import { qualityOf, type ValidatorSettings } from '../validator.config';

const BREAKER = 'breaker';
/** As `BREAKER_WINDOW_RECORDS` and `BREAKER_REJECT_SHARE`. */
export const MAX_WINDOW_RECORDS = 1_000_000;

const storedBreaker = z.object({
  windowRecords: z.int().min(0).max(MAX_WINDOW_RECORDS),
  rejectShare: z.number().min(0).max(1),
});

/** Where a value comes from: the code, the environment of the service, or an operator at run time. */
export type SettingSource = 'default' | 'environment' | 'operator';

/** What one batch is evaluated by. */
export interface RulesInForce {
  readonly quality: QualitySettings;
  readonly breaker: BreakerLimits;
}

export interface RuleState {
  readonly code: RuleCode;
  readonly description: string;
  readonly action: RuleAction;
  readonly defaultAction: RuleAction;
  readonly allowedActions: readonly RuleAction[];
  readonly source: SettingSource;
  readonly revision: number;
  readonly changedBy?: string;
  readonly changedAt?: string;
}

export interface BreakerState {
  readonly windowRecords: number;
  readonly rejectShare: number;
  readonly source: SettingSource;
  readonly revision: number;
  readonly changedBy?: string;
  readonly changedAt?: string;
}

/** The rules' actions and the limits of the circuit breaker, as operators have set them last, over the environment. */
@Injectable()
export class RunTimeRules {
  private inForce: RulesInForce | undefined;
  private problems: readonly string[] = [];

  constructor(
    @Inject(SETTINGS) private readonly settings: ValidatorSettings,
    private readonly runtime: RuntimeSettings,
    @Inject(LOGGER) private readonly logger: Logger,
    @Inject(HEALTH) health: Health,
  ) {
    runtime.onChange(({ subject }) => {
      if (subject === BREAKER || subject.startsWith('rules.')) this.inForce = undefined;
    });
    health.ready('rules', () => {
      this.current();
      return this.problems.length === 0
        ? { ok: true }
        : { ok: false, detail: `settings of another version: ${this.problems.join('; ')}` };
    });
  }

  /** The same object until something changes. */
  current(): RulesInForce {
    return (this.inForce ??= this.compose());
  }

  rules(): readonly RuleState[] {
    return RULE_CODES.map((code) => this.rule(code));
  }

  rule(code: RuleCode): RuleState {
    const setting = this.runtime.get(ruleSubject(code));
    const isSet = runTimeActions(setting === undefined ? [] : [setting]).actions[code] !== undefined;
    const fromEnvironment = code in this.settings.rules.actions ? 'environment' : 'default';
    return {
      code,
      description: RULES[code].description,
      action: this.current().quality.actions[code],
      defaultAction: RULES[code].action,
      allowedActions: allowedActions(code),
      source: isSet ? 'operator' : fromEnvironment,
      revision: setting?.revision ?? 0,
      ...(setting && { changedBy: setting.changedBy, changedAt: setting.changedAt }),
    };
  }

  /** @param action null: back to the environment's, or the default. @throws RevisionStaleError, OperatorLogError */
  async setAction(code: RuleCode, action: RuleAction | null, expected: number, audit: Caller): Promise<RuleState> {
    const value = action === null ? null : { action };
    await this.runtime.change({ subject: ruleSubject(code), value, expected, audit });
    return this.rule(code);
  }

  breaker(): BreakerState {
    const { windowRecords, maxShare } = this.current().breaker;
    const setting = this.runtime.get(BREAKER);
    const { breakerWindow, breakerShare } = this.settings.rules;
    const fromEnvironment = breakerWindow === 1_000 && breakerShare === 0.5 ? 'default' : 'environment';
    return {
      windowRecords,
      rejectShare: maxShare,
      source: storedBreaker.safeParse(setting?.value).success ? 'operator' : fromEnvironment,
      revision: setting?.revision ?? 0,
      ...(setting && { changedBy: setting.changedBy, changedAt: setting.changedAt }),
    };
  }

  /** @param value null: back to the environment's, or the default. @throws RevisionStaleError, OperatorLogError */
  async setBreaker(
    value: { readonly windowRecords: number; readonly rejectShare: number } | null,
    expected: number,
    audit: Caller,
  ): Promise<BreakerState> {
    await this.runtime.change({ subject: BREAKER, value, expected, audit });
    return this.breaker();
  }

  private compose(): RulesInForce {
    const { breakerWindow, breakerShare } = this.settings.rules;
    const { actions, problems } = runTimeActions(this.runtime.all());
    const setting = this.runtime.get(BREAKER);
    const stored = storedBreaker.safeParse(setting?.value).data;
    const isUnknown = setting !== undefined && setting.value !== null && stored === undefined;
    this.problems = isUnknown ? [...problems, 'breaker has an unknown form'] : problems;
    for (const problem of this.problems) this.logger.error({ problem }, 'a setting of an operator cannot be applied');
    return {
      quality: qualityOf(this.settings, actions),
      breaker:
        stored === undefined
          ? { windowRecords: breakerWindow, maxShare: breakerShare }
          : { windowRecords: stored.windowRecords, maxShare: stored.rejectShare },
    };
  }
}
