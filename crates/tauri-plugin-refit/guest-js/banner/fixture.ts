/** A status for tests: 1.0.0 runs, nothing waits. */
import type { Apps, PassedOver, Rollout, Staged, Status, Workspace } from '../types'

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
      launchId: 'first',
    },
    staged: null,
    previous: null,
    bundled: { version: '1.0.0', note: null },
    bad: [],
    lastCheck: null,
    nextCheckAt: null,
    progress: null,
    rollout: null,
    recalledRunning: null,
    passedOver: null,
    fellBack: null,
    failure: null,
    problems: [],
    busy: null,
    applying: null,
    rehearsals: [],
    damage: [],
    contract: null,
    snapshots: [],
    managed: null,
    workspaces: [],
    app: { name: 'main', package: 'kanban' },
    fleet: null,
    ...news,
  }
}

export const STAGED: Staged = {
  version: '1.1.0',
  stagedAt: '2026-06-12T08:05:00Z',
  notes: null,
  blocked: null,
}

/** A signed rollout of 1.2.0, in which this device's turn is at 16:40. */
export function aRollout(news: Partial<Rollout> = {}): Rollout {
  return {
    mode: 'tuf',
    experimental: false,
    pinned: null,
    version: '1.2.0',
    decision: 'hold',
    reason: 'held',
    message: 'Version 1.2.0 is being rolled out',
    bucket: 65,
    delaySeconds: 43_200,
    eligibleAt: '2026-06-12T16:40:00Z',
    stable: null,
    recalled: [],
    verifiedAt: '2026-06-12T08:00:00Z',
    expires: '2026-06-19T08:00:00Z',
    expired: false,
    trouble: null,
    ...news,
  }
}

export const PASSED_OVER: PassedOver = {
  from: '1.2.0',
  to: '1.1.0',
  reason: 'recalled',
  message: 'Version 1.2.0 was recalled by its publisher. Version 1.1.0 is running.',
  at: '2026-06-12T08:10:00Z',
  firstTime: true,
}

export const FELL_BACK = {
  from: '1.2.0',
  to: '1.1.0',
  reason: 'exited-before-ready',
  message: 'Version 1.2.0 stopped before it was ready. Version 1.1.0 is running.',
  at: '2026-06-12T08:10:00Z',
  condemned: true,
}

/** An administrator decides about versions. */
export const MANAGED = {
  updates: 'managed' as const,
  message: 'Managed by your administrator',
  source: '/etc/dev.refit.shell/policy.json',
}

export function aWorkspace(news: Partial<Workspace> = {}): Workspace {
  return {
    name: 'main',
    folder: '/data',
    state: 'running',
    version: '1.0.0',
    url: 'http://127.0.0.1:4321/',
    launchId: 'first',
    since: '2026-06-12T08:00:00Z',
    detail: null,
    schedules: [],
    ...news,
  }
}

/** One runtime in one workspace. */
export function someApps(news: Partial<Apps> = {}): Apps {
  return {
    seq: 1,
    platform: {
      os: 'linux',
      arch: 'x86_64',
      shell: '0.1.0',
      node: '22.1.0',
      dataName: 'dev.refit.shell',
      dataPath: '/home/u/.local/share/dev.refit.shell',
    },
    shown: { app: 'main', workspace: 'main' },
    apps: [aStatus({ workspaces: [aWorkspace()] })],
    ...news,
  }
}
