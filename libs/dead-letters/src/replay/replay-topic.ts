import {
  DEAD_LETTER_APPS,
  type DeadLetterApp,
  deadLetterTopic,
  FAMILIES,
  type Family,
  parkedTopic,
  retryTopic,
} from '@orderstream/contracts';

/** A dead-letter topic of a service, and where its letters go. */
export interface ReplayTopic {
  readonly kind: 'own';
  readonly topic: string;
  readonly app: DeadLetterApp;
  readonly source: string;
  readonly family: Family;
  /** Takes the returned records: the raw topic, or the retry topic of the service. */
  readonly target: string;
  /** Takes the letters that have failed too often. */
  readonly parked: string;
  /** The consumer group that reads the target. */
  readonly groupId: string;
}

/** A dead-letter topic of another program: each letter returns to the topic that its headers name. */
export interface ForeignTopic {
  readonly kind: 'foreign';
  readonly topic: string;
}

export type LetterTopic = ReplayTopic | ForeignTopic;

const SOURCE = new RegExp(`(?:^|\\.)(${FAMILIES.join('|')})\\.(raw|validated)\\.v\\d+$`);

/** Undefined for a name that is not one of a dead-letter topic. */
export function replayTopicOf(topic: string): ReplayTopic | undefined {
  const app = DEAD_LETTER_APPS.find((each) => topic.endsWith(deadLetterTopic('', each)));
  if (app === undefined) return undefined;
  const source = topic.slice(0, -deadLetterTopic('', app).length);
  const [, name, kind] = SOURCE.exec(source) ?? [];
  const family = FAMILIES.find((each) => each === name);
  if (family === undefined || (kind === 'raw') !== (app === 'validator')) return undefined;
  const parked = parkedTopic(topic);
  if (app === 'validator')
    return { kind: 'own', topic, app, source, family, target: source, parked, groupId: `validator-${family}` };
  return { kind: 'own', topic, app, source, family, target: retryTopic(source, app), parked, groupId: app };
}
