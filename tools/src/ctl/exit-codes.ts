/** Exit codes of `npm run ctl`, with what each means. The help and docs/ctl.md are written from it. */
export const EXIT_CODES = {
  done: { code: 0, meaning: 'Done.' },
  rejected: {
    code: 1,
    meaning:
      'The server rejected the request, the plan or run did not finish (failed, stopped, cancelled), or the answer was no.',
  },
  usage: { code: 2, meaning: 'Wrong usage or configuration. Nothing was sent.' },
  unreachable: { code: 3, meaning: 'No stack was found, or the server cannot be reached.' },
  deadline: { code: 4, meaning: 'The server did not answer, or the plan or run did not end, before the deadline.' },
  interrupted: { code: 130, meaning: 'Ended by Ctrl-C (143: by SIGTERM). What runs on the server goes on.' },
} as const;

/** Ended by SIGTERM. */
export const TERMINATED = 143;
