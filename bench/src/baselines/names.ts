export const PASS_THROUGH_GROUP = 'bench-pass-through';
export const BARE_PUBLISH_GROUP = 'bench-bare-publish';
export const BARE_PUBLISH_TOPIC = 'bench-bare-publish';

/** The topic to which the pass-through baseline copies `topic`. */
export const passThroughTopic = (topic: string): string => `bench.${topic}`;
