/** What all Kafka clients of this process have done since it started. The patches of kafkajs count it. */
export const clientTotals = { connections: 0, throttledMs: 0 };
