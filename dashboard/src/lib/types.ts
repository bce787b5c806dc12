/** What the server of `refit fleet dashboard` says: docs/formats/fleet-dashboard.md. */

/** How a device stands to its target. */
export const STATES = [
  'arrived',
  'idle',
  'waiting',
  'staging',
  'staged',
  'swapping',
  'refused',
  'trouble',
  'off',
  'halted',
] as const
export type State = (typeof STATES)[number]

/** Devices by state; a state without any is left out. */
export type States = Partial<Record<State, number>>

export interface Version {
  /** Null: nothing runs there. `…`: all others together, of more than are told one by one. */
  version: string | null
  devices: number
  late: number
  states: States
}

export interface Group {
  group: string
  devices: number
}

export interface Target {
  scope: string
  version: string | null
  at: string
  by: string
  /** Seconds. */
  jitter: number
  /** The part of the scope that it reaches, in percent; null for all of it. */
  percent: number | null
}

/** Counts at moments `start + n * step`; what stands in no version's list was not known then. */
export interface Series {
  start: string
  /** Seconds. */
  step: number
  versions: { version: string | null; counts: number[] }[]
}

export type RampState = 'running' | 'paused' | 'halted' | 'completed' | 'cancelled'

/** One version's devices in one window of time. */
export interface Side {
  devices: number
  /** Of these, those on which the version was started. */
  tried: number
  /** Of these, those on which it failed. */
  failed: number
  /** Devices with trouble that is no version's fault. */
  infrastructure: number
}

export interface Evidence {
  at: string
  /** Counted from 0. */
  step: number
  /** What happened, where this is on record with the ramp; null for numbers that this server saw. */
  what: 'entered' | 'passed' | 'halted' | 'paused' | 'resumed' | 'completed' | 'cancelled' | null
  why: string
  fresh: Side
  old: Side
}

export interface Ramp {
  id: string
  scope: string
  version: string
  baseline: string
  state: RampState
  /** Why it stands so, in words; empty where there is nothing to say. */
  reason: string
  /** Whether a controller leads it; null where that is not known. */
  led: boolean | null
  by: string
  startedAt: string
  plan: { percent: number; holdSeconds: number }[]
  /** Counted from 0. */
  step: number
  stepSince: string
  /** From when it may go on by itself. */
  nextAt: string | null
  endedAt: string | null
  /** The steps that were reached, and when. */
  reachedSteps: { percent: number; at: string }[]
  /** In points of a percent above the baseline's rate. */
  haltAbove: number
  minDevices: number
  /** Of the scope, as they were last heard of. */
  devices: number
  /** Run the new version. */
  reached: number
  /** Are to have it and do not run it yet. */
  onWay: number
  evidence: Evidence[]
}

export interface Overview {
  fleet: string
  at: string
  /** Null while the broker answers; else in words what is wrong. */
  trouble: string | null
  total: number
  late: number
  states: States
  versions: Version[]
  groups: Group[]
  /** The last ordered first; not all where there are many. */
  targets: Target[]
  targetsInAll: number
  ramps: Ramp[]
  hour: Series
  day: Series
}

export interface Device {
  device: string
  groups: string[]
  version: string | null
  state: State
  target: string | null
  scope: string | null
  reason: string
  detail: string
  seen: string
  late: boolean
  platform: string
  agent: string | null
  failures: number
  infrastructure: number
  unsent: number
}

export interface Page {
  total: number
  /** Counted from 1. */
  page: number
  pages: number
  rows: Device[]
}

/** What is asked of the list of devices. */
export interface Query {
  filter: string
  version: string
  state: string
  group: string
  late: boolean
  sort: string
  page: number
}

/** An answer that is no answer. */
export interface Problem {
  kind: string
  message: string
  hint: string
}
