"""Queues a job while the worker pool of Mage is about to end, and prints whether the job has run.

Arguments: the folder of start.py, or none for Mage as it is.
"""

import sys
import time
from multiprocessing import Value

from mage_ai.orchestration.queue.config import QueueConfig
from mage_ai.orchestration.queue.process_queue import ProcessQueue

CYCLES = 3
RUNS_WITHIN_SECONDS = 20

if len(sys.argv) > 1:
    sys.path.insert(0, sys.argv[1])
    import start  # noqa: F401

has_run = Value('b', False)


def job():
    has_run.value = True


queue = ProcessQueue(QueueConfig())
queue.start()
# As the pool is seen between its last look at the queue and its end.
queue.is_worker_pool_alive = lambda: True
queue.enqueue('job', job)
del queue.is_worker_pool_alive

for _ in range(CYCLES):
    time.sleep(0.2)
    # What a cycle of the scheduler does with a job that has not run.
    queue.enqueue('job', job)
    queue.clean_up_jobs()
deadline = time.monotonic() + (RUNS_WITHIN_SECONDS if queue.is_worker_pool_alive() else 0)
while not has_run.value and time.monotonic() < deadline:
    time.sleep(0.05)
if queue.worker_pool_proc is not None:
    queue.worker_pool_proc.join(RUNS_WITHIN_SECONDS)
print('has run' if has_run.value else 'has not run')
