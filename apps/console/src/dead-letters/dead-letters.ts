import { Inject, Injectable } from '@nestjs/common';
import { DEAD_LETTER_APPS, deadLetterTopic, parkedTopic, TOPICS, type TopicSpec } from '@orderstream/contracts';
import {
  type AnyLetter,
  DeadLetterUnreadableError,
  LetterIndex,
  parseDeadLetter,
  parseForeignLetter,
} from '@orderstream/dead-letters';
import { createKafka, type KafkaRecord, RecordLookup } from '@orderstream/kafka';
import { type Health, type Logger } from '@orderstream/observability';
import { HEALTH, LOGGER, SETTINGS } from '@orderstream/service';
import { type ConsoleSettings } from '../console.config';
import { ErasedCustomers } from '../erasures/erased-customers';
import { LetterLog } from './letter-log';
import { LetterSearch, type LetterSearchOptions } from './letter-search';
import { type IndexDto } from './letter.dto';

/** Every dead-letter topic, and what was parked from it. */
export const LETTER_TOPICS: readonly TopicSpec[] = TOPICS.filter(({ name }) =>
  DEAD_LETTER_APPS.some((app) => {
    const suffix = deadLetterTopic('', app);
    return name.endsWith(suffix) || name.endsWith(parkedTopic(suffix));
  }),
);

/** The dead letters of the system: followed into an index, and searched. */
@Injectable()
export class DeadLetters {
  readonly index: LetterIndex;
  readonly log: LetterLog;
  readonly search: LetterSearch;
  private readonly lookup: RecordLookup;
  /** Those of `FOREIGN_DEAD_LETTER_TOPICS`. */
  readonly foreignTopics: ReadonlySet<string>;
  private readonly topics: ReadonlySet<string>;

  constructor(
    @Inject(SETTINGS) { kafka: connection, letters }: ConsoleSettings,
    @Inject(LOGGER) private readonly logger: Logger,
    @Inject(HEALTH) health: Health,
    erased: ErasedCustomers,
  ) {
    const kafka = createKafka(connection, logger);
    const topics = LETTER_TOPICS.map(({ name }) => name);
    const foreignTopics = (letters.foreignTopics ?? []).filter((name) => !topics.includes(name));
    this.topics = new Set([...topics, ...foreignTopics]);
    this.foreignTopics = new Set(foreignTopics);
    this.index = new LetterIndex(letters.maxLetters);
    this.lookup = new RecordLookup(kafka);
    const parse = (record: KafkaRecord): AnyLetter | undefined => this.parse(record);
    this.log = new LetterLog({
      ...{ kafka, topics, parse, logger },
      foreignTopics,
      index: this.index,
      refreshMs: letters.refreshMs,
    });
    const lookup: LetterSearchOptions['lookup'] = {
      read: (places, take) =>
        this.lookup.read(places, (record) => {
          take(erased.redacted(record));
        }),
    };
    this.search = new LetterSearch({ index: this.index, log: this.log, lookup, parse });
    health.ready('letters', () =>
      this.log.isLoaded
        ? { ok: true }
        : { ok: false, detail: `reading dead letters: ${String(this.index.count)} so far` },
    );
  }

  hasTopic(name: string): boolean {
    return this.topics.has(name);
  }

  indexState(): Pick<IndexDto, keyof IndexDto> {
    const { count: letters, forgotten } = this.index;
    return { letters, forgotten, upToDate: this.log.state.upToDate };
  }

  async stop(): Promise<void> {
    await Promise.all([this.log.stop(), this.lookup.close()]);
  }

  /** A letter of another program is none of ours, whatever headers its record had. */
  private parse(record: KafkaRecord): AnyLetter | undefined {
    if (this.foreignTopics.has(record.topic)) return parseForeignLetter(record);
    try {
      return parseDeadLetter(record);
    } catch (error) {
      if (!(error instanceof DeadLetterUnreadableError)) throw error;
      this.logger.debug({ err: error }, 'a record of a dead-letter topic is left out');
      return undefined;
    }
  }
}
