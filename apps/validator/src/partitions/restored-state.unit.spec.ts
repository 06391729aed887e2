import { PartitionState, StateOverlay } from '@orderstream/quality';
import { commitMetadata, tokenOf } from './commit-metadata';
import { RestoredState } from './restored-state';

const committed = (offset: number | undefined, token?: string) => ({
  offset,
  metadata: token === undefined ? undefined : commitMetadata(token),
});

/** A state of offset 5, committed by `own.1`, while the outcome of `own.2`, which leads to offset 8, is unknown. */
function withUnknownOutcome(): RestoredState {
  const restored = new RestoredState(new PartitionState(), committed(5, 'own.1'));
  restored.begin(new StateOverlay(restored.state), 8, 'own.2');
  return restored;
}

describe('a restored state settles an unknown outcome', () => {
  it('as committed, by the offset and the token of its own commit', () => {
    const restored = withUnknownOutcome();
    expect(restored.settle(committed(8, 'own.2'))).toBe(true);
    expect(restored.state.nextOffset).toBe(8);
    // It is the state of that commit from now on, and of no other.
    expect(restored.settle(committed(8, 'own.2'))).toBe(true);
    expect(restored.settle(committed(5, 'own.1'))).toBe(false);
  });

  it('as not committed, by the offset and the token of the commit before', () => {
    const restored = withUnknownOutcome();
    expect(restored.settle(committed(5, 'own.1'))).toBe(true);
    expect(restored.state.nextOffset).toBeUndefined();
    // Its batch is discarded: another owner's commit of the same offset is none of its own.
    expect(restored.settle(committed(8, 'own.2'))).toBe(false);
  });

  it.each([
    ['another token at its own offset', committed(8, 'other.1')],
    ['another token at the offset before', committed(5, 'other.1')],
    ['its own token at another offset', committed(9, 'own.2')],
    ['no token', committed(8)],
    ['nothing committed', committed(undefined)],
  ])('not at all with %s', (_, found) => {
    const restored = withUnknownOutcome();
    expect(restored.settle(found)).toBe(false);
    expect(restored.state.nextOffset).toBeUndefined();
  });
});

it('settles a state without commits where nothing is committed', () => {
  expect(new RestoredState(new PartitionState(), committed(undefined)).settle(committed(undefined))).toBe(true);
});

describe('tokenOf', () => {
  it('reads the token that commitMetadata wrote', () => {
    expect(tokenOf(commitMetadata('instance.7'))).toBe('instance.7');
  });

  it.each([[undefined], [''], ['not JSON'], ['null'], ['7'], ['{}'], ['{"t":7}']])(
    'is undefined for %j',
    (metadata) => {
      expect(tokenOf(metadata)).toBeUndefined();
    },
  );
});
