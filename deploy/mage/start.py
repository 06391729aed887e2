"""Starts Mage: `python deploy/mage/start.py start deploy/mage`, with the arguments of the program `mage`.

Mage 0.9.80 loses the wake-up of a job. Its worker pool is a process that ends when it sees no worker and an empty queue.
A job that is queued between that look and the end of the process finds the pool alive, so that no other one is started.
The job stays queued, and its run active: `enqueue` skips it because it is there. It runs when Mage queues another job.

The scheduler calls `clean_up_jobs` in each of its cycles. Here it also starts a pool for jobs that have none.
"""

from mage_ai.orchestration.queue.process_queue import ProcessQueue

clean_up_jobs = ProcessQueue.clean_up_jobs


def clean_up_jobs_and_start_pool(self):
    clean_up_jobs(self)
    if not self.queue.empty() and not self.is_worker_pool_alive():
        self.start_worker_pool()


ProcessQueue.clean_up_jobs = clean_up_jobs_and_start_pool

if __name__ == '__main__':
    from mage_ai.cli.main import app

    app()
