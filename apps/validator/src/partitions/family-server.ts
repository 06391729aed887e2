import { type Family, rawTopic } from '@orderstream/contracts';
import { KafkaBatchServer, type KafkaBatchServerOptions } from '@orderstream/kafka';

/** By this symbol Nest finds the controller's handler for the servers of all families. */
export const TRANSPORT_ID = Symbol('validator');

/**
 * The member of one family's consumer group. The controller handles the topics of all families with one handler; each
 * server takes it for its own topic. Listening fails if that topic has no handler.
 */
export class FamilyServer extends KafkaBatchServer {
  private readonly topic: string;

  constructor(family: Family, options: Omit<KafkaBatchServerOptions, 'transportId' | 'topics'>) {
    const topic = rawTopic(family);
    super({ ...options, transportId: TRANSPORT_ID, topics: [topic] });
    this.topic = topic;
  }

  override addHandler(...[pattern, ...handler]: Parameters<KafkaBatchServer['addHandler']>): void {
    if (pattern === this.topic) super.addHandler(pattern, ...handler);
  }
}
