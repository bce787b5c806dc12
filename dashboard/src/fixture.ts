/** A fleet as tests and the development page see it. */
import type { Device, Evidence, Overview, Page, Ramp, State } from './lib/types'

export const NOW = '2026-06-12T12:00:00Z'
const now = Date.parse(NOW)
const at = (minutes: number): string => new Date(now - minutes * 60_000).toISOString()

export function anEvidence(change: Partial<Evidence> = {}): Evidence {
  return {
    at: at(0),
    step: 1,
    what: null,
    why: '',
    fresh: { devices: 24_600, tried: 24_000, failed: 96, infrastructure: 12 },
    old: { devices: 74_000, tried: 74_000, failed: 444, infrastructure: 40 },
    ...change,
  }
}

export function aRamp(change: Partial<Ramp> = {}): Ramp {
  const evidence = Array.from({ length: 48 }, (_, n) => {
    const wave = Math.sin(n / 5) * 0.12 + Math.sin(n / 2.3) * 0.05
    const devices = n < 30 ? 4_800 : 24_000
    return anEvidence({
      at: at(48 - n),
      step: n < 30 ? 0 : 1,
      what: n === 0 || n === 30 ? 'entered' : n === 29 ? 'passed' : null,
      fresh: { devices, tried: devices, failed: Math.round(devices * (0.0052 + wave / 100)), infrastructure: 4 },
      old: {
        devices: 95_000 - devices,
        tried: 95_000 - devices,
        failed: Math.round((95_000 - devices) * (0.0061 + wave / 400)),
        infrastructure: 40,
      },
    })
  })
  return {
    id: 'r-1',
    scope: 'global',
    version: '1.5.0',
    baseline: '1.4.2',
    state: 'running',
    reason: '',
    led: true,
    by: 'ops-1',
    startedAt: at(48),
    plan: [
      { percent: 5, holdSeconds: 1800 },
      { percent: 25, holdSeconds: 3600 },
      { percent: 50, holdSeconds: 7200 },
      { percent: 100, holdSeconds: 0 },
    ],
    step: 1,
    stepSince: at(18),
    nextAt: at(-42),
    endedAt: null,
    reachedSteps: [
      { percent: 5, at: at(48) },
      { percent: 25, at: at(18) },
    ],
    haltAbove: 2,
    minDevices: 20,
    devices: 100_000,
    reached: 24_180,
    onWay: 820,
    evidence,
    ...change,
  }
}

export function anOverview(change: Partial<Overview> = {}): Overview {
  const steps = 180
  const fresh = (n: number): number => {
    const minute = n / 3 - 12
    const first = 5_000 / (1 + Math.exp(-(minute - 4) / 1.2))
    const second = 19_180 / (1 + Math.exp(-(minute - 36) / 1.6))
    return Math.max(0, Math.round(minute < 0 ? 0 : first + second))
  }
  const older = (n: number): number => 6_200 - Math.round(n * 3)
  const hour = Array.from({ length: steps }, (_, n) => n)
  return {
    fleet: 'shopfloor',
    at: NOW,
    trouble: null,
    total: 100_000,
    late: 412,
    states: { arrived: 98_022, waiting: 420, staging: 310, swapping: 90, refused: 610, trouble: 131, idle: 0, off: 402, halted: 15 },
    versions: [
      { version: '1.4.2', devices: 68_905, late: 301, states: { arrived: 67_300, waiting: 420, staging: 310, swapping: 90, refused: 560, trouble: 120, off: 105 } },
      { version: '1.5.0', devices: 24_180, late: 20, states: { arrived: 24_180 } },
      { version: '1.4.1', devices: 5_660, late: 61, states: { arrived: 5_322, refused: 50, off: 288 } },
      { version: '1.3.9', devices: 1_240, late: 25, states: { arrived: 1_220, trouble: 11, off: 9 } },
      { version: null, devices: 15, late: 5, states: { halted: 15 } },
    ],
    groups: [
      { group: 'kiosks', devices: 41_200 },
      { group: 'tills', devices: 38_900 },
      { group: 'back-office', devices: 12_400 },
    ],
    targets: [
      { scope: 'global', version: '1.5.0', at: at(18), by: 'ops-1', jitter: 300, percent: 25 },
      { scope: 'group.back-office', version: '1.4.1', at: at(2_900), by: 'ops-2', jitter: 1800, percent: null },
      { scope: 'device.till-00417', version: '1.3.9', at: at(9_000), by: 'ops-1', jitter: 0, percent: null },
    ],
    targetsInAll: 3,
    ramps: [aRamp()],
    hour: {
      start: at(60),
      step: 20,
      versions: [
        { version: '1.5.0', counts: hour.map(fresh) },
        { version: '1.4.2', counts: hour.map((n) => 100_000 - 1_255 - fresh(n) - older(n)) },
        { version: '1.4.1', counts: hour.map(older) },
        { version: '1.3.9', counts: hour.map(() => 1_240) },
        { version: null, counts: hour.map(() => 15) },
      ],
    },
    day: {
      start: at(1440),
      step: 600,
      versions: [
        { version: '1.5.0', counts: Array.from({ length: 144 }, (_, n) => (n > 139 ? 5_000 * (n - 139) : 0)) },
        { version: '1.4.2', counts: Array.from({ length: 144 }, (_, n) => Math.min(92_000, 60_000 + n * 300) - (n > 139 ? 5_000 * (n - 139) : 0)) },
        { version: '1.4.1', counts: Array.from({ length: 144 }, (_, n) => 100_000 - Math.min(92_000, 60_000 + n * 300)) },
      ],
    },
    ...change,
  }
}

const STATE: State[] = ['arrived', 'arrived', 'arrived', 'waiting', 'arrived', 'refused', 'arrived', 'staging', 'trouble']

export function aDevice(n: number, change: Partial<Device> = {}): Device {
  const state = STATE[n % STATE.length] ?? 'arrived'
  return {
    device: `till-${String(n).padStart(5, '0')}`,
    groups: n % 3 === 0 ? ['tills', 'north'] : ['tills'],
    version: n % 4 === 0 ? '1.5.0' : '1.4.2',
    state,
    target: '1.5.0',
    scope: n % 11 === 0 ? 'group.tills' : 'global',
    reason: state === 'refused' ? 'bad-version' : state === 'trouble' ? 'download' : '',
    detail: state === 'trouble' ? 'the registry answered 503 while 1.5.0 was fetched' : '',
    seen: at((n % 20) / 60 + (n % 23 === 7 ? 3 : 0)),
    late: n % 23 === 7,
    platform: n % 2 === 0 ? 'linux-x86_64' : 'windows-x86_64',
    agent: '0.4.0',
    failures: state === 'refused' ? 1 : 0,
    infrastructure: state === 'trouble' ? 3 : 0,
    unsent: 0,
    ...change,
  }
}

export function aPage(change: Partial<Page> = {}): Page {
  const rows = Array.from({ length: 100 }, (_, n) => aDevice(n))
  return { total: 100_000, page: 1, pages: 1_000, rows, ...change }
}
