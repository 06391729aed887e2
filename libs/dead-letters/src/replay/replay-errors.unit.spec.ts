import { ReplayStateError } from './replay-errors';

describe('a command that the state of a plan does not allow', () => {
  it('is answered with the commands that it takes', () => {
    expect(new ReplayStateError('p', 'draft', 'start').message).toBe(
      'The replay plan p is draft: it does not take start. It takes preview and cancel.',
    );
    expect(new ReplayStateError('p', 'finished', 'cancel').message).toBe(
      'The replay plan p is finished: it does not take cancel. Nothing changes it any more.',
    );
  });
});
