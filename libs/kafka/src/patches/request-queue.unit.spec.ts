import '../index';
import { originalScheduleCheckPendingRequests, scheduleCheckPendingRequests } from './request-queue';

describe('the patch of the request queue', () => {
  const idleQueue = () => ({
    throttleCheckTimeoutId: null as NodeJS.Timeout | null,
    throttledUntil: -1,
    pending: [] as unknown[],
    checkPendingRequests: jest.fn(),
  });

  it('sets no timer while nothing is pending, where kafkajs sets one with a negative delay', () => {
    const setTimer = jest.spyOn(global, 'setTimeout').mockReturnValue(undefined as never);
    try {
      scheduleCheckPendingRequests.call(idleQueue());
      expect(setTimer).not.toHaveBeenCalled();
      originalScheduleCheckPendingRequests.call(idleQueue());
      expect(setTimer.mock.calls[0]?.[1]).toBeLessThan(0);
      setTimer.mockClear();
      scheduleCheckPendingRequests.call({ ...idleQueue(), pending: [{}] });
      expect(setTimer.mock.calls[0]?.[1]).toBe(10);
    } finally {
      setTimer.mockRestore();
    }
  });
});
