import { type BreakContext, SINK_BREAKS } from '../../../../test/faults/src/instrumented/sink-breaks';
import type { BreakName } from '../../model/rules';
import type { Warehouse } from '../../src/streams/warehouse';
import type { Actor } from './actor';
import type { StageOptions } from './stage';

type Broken = Pick<StageOptions, 'broken' | 'fences'>;

/** The breaks of the model that exist as code too: the fault suite runs them as processes. */
export const BROKEN_CODE: Readonly<Partial<Record<BreakName, Broken>>> = {
  noFinalize: {
    broken: (parts, actor) => {
      const broken = SINK_BREAKS['skip-finalize'](parts, contextOf(actor));
      const { warehouse } = broken;
      // The model still asks for the rows there; the code asks nobody, and goes on in its turn all the same.
      const finalize: Warehouse['finalize'] = (stream) => actor.finalize(stream, () => warehouse.finalize(stream));
      return { ...broken, warehouse: { ...warehouse, finalize } };
    },
  },
  commitBeforeAck: { broken: (parts, actor) => SINK_BREAKS['commit-before-ack'](parts, contextOf(actor)) },
  plainCommits: { broken: (parts, actor) => SINK_BREAKS['consumer-commits'](parts, contextOf(actor)) },
  renumbersInFlight: { broken: (parts, actor) => SINK_BREAKS['renumber-in-flight'](parts, contextOf(actor)) },
  // There it is the transactional id that differs; here, what the coordinator makes of it.
  perInstanceIds: { fences: false },
};

const contextOf = (actor: Actor): BreakContext => ({
  get kafka(): never {
    throw new Error('there is no broker here');
  },
  commitAsConsumer: ({ offset, metadata }) => actor.commitAsConsumer({ records: [], offset, metadata: metadata ?? '' }),
});
