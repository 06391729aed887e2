import { z } from 'zod';

/** The answers of the API, as far as this command uses them. A newer server may answer more. */

const text = z.string().nullish();
const count = z.number();
/** An offset: a server may send large ones as a string. */
const offset = z.union([z.number(), z.string()]);

const reasonSchema = z.looseObject({ code: z.string(), path: text, constraint: text });

export const letterSchema = z.looseObject({
  id: z.string(),
  topic: z.string(),
  partition: count,
  offset,
  app: text,
  reason: text,
  detail: z.array(reasonSchema).nullish(),
  fingerprint: text,
  attempt: count.nullish(),
  failedAt: text,
  firstFailedAt: text,
  key: text,
  eventType: text,
  eventId: text,
  source: z.looseObject({ topic: z.string(), partition: count, offset, timestamp: text }).nullish(),
  cut: z.unknown().optional(),
});
export type Letter = z.infer<typeof letterSchema>;

const indexSchema = z.looseObject({ letters: count, forgotten: count.nullish(), upToDate: z.boolean() });
export type LetterIndex = z.infer<typeof indexSchema>;

export const lettersSchema = z.looseObject({
  letters: z.array(letterSchema),
  next: text,
  index: indexSchema.nullish(),
});

export const groupsSchema = z.looseObject({
  groups: z.array(
    z.looseObject({
      fingerprint: z.string(),
      app: text,
      reason: text,
      path: text,
      count,
      firstFailedAt: text,
      lastFailedAt: text,
      hourly: z.array(count).nullish(),
      samples: z.array(z.string()).nullish(),
    }),
  ),
  index: indexSchema.nullish(),
});
export type Group = z.infer<typeof groupsSchema>['groups'][number];

export const wholeLetterSchema = letterSchema.extend({
  headers: z.array(z.looseObject({ name: z.string(), value: text, base64: text })).nullish(),
  /** What `body` is: `json`, `text`, `base64`, `masked` or `none`. */
  bodyFormat: text,
  body: z.unknown(),
});
export type WholeLetter = z.infer<typeof wholeLetterSchema>;

const previewSchema = z.looseObject({
  at: text,
  letters: count,
  followers: count.nullish(),
  total: count,
  samples: z.array(z.union([z.string(), letterSchema])).nullish(),
  settings: z.looseObject({ version: z.string(), revision: count }).nullish(),
  dryRun: z
    .looseObject({
      passes: count,
      fails: z.array(z.looseObject({ code: z.string(), count })),
      undecided: count.nullish(),
    })
    .nullish(),
  /** Of letters of another program. */
  sources: z.array(z.looseObject({ topic: z.string(), letters: count, problem: text })).nullish(),
  warnings: z.array(z.string()).nullish(),
});
export type Preview = z.infer<typeof previewSchema>;

export const planSchema = z.looseObject({
  id: z.string(),
  revision: z.union([z.number(), z.string()]),
  state: z.string(),
  topic: z.string(),
  filter: z.record(z.string(), z.unknown()).nullish(),
  edit: z.array(z.unknown()).nullish(),
  createdBy: text,
  createdAt: text,
  note: text,
  preview: previewSchema.nullish(),
  /** Counts by outcome, beside `total`, `cameBack` and `currentRatePerSecond`. */
  progress: z.record(z.string(), z.unknown()).nullish(),
  waitingFor: text,
  endedAt: text,
  error: z.looseObject({ type: text, detail: text }).nullish(),
  /** What to know about the end. */
  outcome: text,
});
export type Plan = z.infer<typeof planSchema>;

export const plansSchema = z.looseObject({ plans: z.array(planSchema), next: text });

export const receiptsSchema = z.looseObject({
  receipts: z.array(
    z.looseObject({
      letter: z.string(),
      outcome: z.string(),
      reason: text,
      to: z.looseObject({ topic: z.string(), partition: count.nullish() }).nullish(),
      at: text,
    }),
  ),
  next: text,
});
export type Receipt = z.infer<typeof receiptsSchema>['receipts'][number];

export const overviewSchema = z.looseObject({
  services: z.array(
    z.looseObject({
      name: z.string(),
      state: text,
      error: text,
      /** The failing checks of a service that is not ready. */
      checks: z.record(z.string(), z.unknown()).nullish(),
      figures: z
        .looseObject({
          lagRecords: count.nullish(),
          lagSeconds: count.nullish(),
          /** By outcome. */
          recordsPerSecond: z.record(z.string(), count).nullish(),
          freshnessP95Seconds: count.nullish(),
        })
        .nullish(),
    }),
  ),
});
export type ServiceOverview = z.infer<typeof overviewSchema>['services'][number];

const auditEntrySchema = z.looseObject({
  at: text,
  actor: text,
  role: text,
  action: text,
  subject: text,
  before: z.unknown().optional(),
  after: z.unknown().optional(),
  requestId: text,
  status: count.nullish(),
  service: text,
});
export type AuditEntry = z.infer<typeof auditEntrySchema>;
export const auditSchema = z.looseObject({ entries: z.array(auditEntrySchema), next: text });

export const erasureSchema = z.looseObject({
  id: z.string(),
  /** A hash of the id. */
  customer: text,
  state: z.string(),
  createdBy: text,
  createdAt: text,
  deadline: text,
  steps: z.array(
    z.looseObject({
      kind: text,
      name: text,
      state: text,
      found: count.nullish(),
      erased: count.nullish(),
      remainingUntil: text,
      note: text,
    }),
  ),
});
export type Erasure = z.infer<typeof erasureSchema>;

export const statusSchema = z.record(z.string(), z.unknown());

export const scenariosSchema = z.array(
  z.looseObject({ name: z.string(), description: text, file: text, problems: z.array(z.string()).nullish() }),
);

const changedShape = { source: text, revision: z.union([count, z.string()]).nullish(), changedBy: text };

export const ruleSchema = z.looseObject({
  code: z.string(),
  action: z.string(),
  defaultAction: text,
  allowedActions: z.array(z.string()).nullish(),
  description: text,
  ...changedShape,
});
export type Rule = z.infer<typeof ruleSchema>;
export const rulesSchema = z.array(ruleSchema);

/** The circuit breaker: it stops a partition when more than a share of its last records is rejected. */
export const breakerSchema = z.looseObject({ windowRecords: count, rejectShare: count, ...changedShape });
export type Breaker = z.infer<typeof breakerSchema>;

const runBlockSchema = z.looseObject({
  block: z.string(),
  attempt: count,
  state: z.string(),
  startedAt: text,
  endedAt: text,
  rowsIn: count.nullish(),
  rowsOut: count.nullish(),
  /** By rule. */
  rejected: z.record(z.string(), count).nullish(),
  streamDays: z.array(z.string()).nullish(),
  error: text,
});
export type RunBlock = z.infer<typeof runBlockSchema>;

export const runSchema = z.looseObject({
  id: z.string(),
  pipeline: text,
  state: z.string(),
  /** The process that ran it has ended. */
  interrupted: z.boolean().nullish(),
  from: z.string(),
  to: z.string(),
  scheduledAt: text,
  source: text,
  createdAt: text,
  endedAt: text,
  error: text,
  blocks: z.array(runBlockSchema),
});
export type Run = z.infer<typeof runSchema>;
export const runsSchema = z.looseObject({ runs: z.array(runSchema) });
