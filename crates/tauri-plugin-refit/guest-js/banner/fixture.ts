/** A status for tests: 1.0.0 runs, nothing waits. */
import type { Status } from '../types'

export function aStatus(news: Partial<Status> = {}): Status {
  return {
    seq: 1,
    updates: 'on',
    phase: 'running',
    starting: null,
    running: {
      version: '1.0.0',
      source: 'bundled',
      url: 'http://127.0.0.1:4321/',
      since: '2026-06-12T08:00:00Z',
      trial: false,
    },
    staged: null,
    previous: null,
    bundled: { version: '1.0.0', note: null },
    bad: [],
    lastCheck: null,
    nextCheckAt: null,
    progress: null,
    fellBack: null,
    failure: null,
    problems: [],
    ...news,
  }
}

export const STAGED = { version: '1.1.0', stagedAt: '2026-06-12T08:05:00Z' }

export const FELL_BACK = {
  from: '1.2.0',
  to: '1.1.0',
  reason: 'exited-before-ready',
  message: 'Version 1.2.0 stopped before it was ready. Version 1.1.0 is running.',
  at: '2026-06-12T08:10:00Z',
  condemned: true,
}
