/** A ramp's curve, its evidence and its words. */
import { count, devices, percent, span } from './numbers'
import type { Evidence, Ramp, Side } from './types'

export interface Point {
  at: number
  percent: number
}

/** The steps that were reached, up to now or to its end. */
export function reachedCurve(ramp: Ramp, now: number): Point[] {
  const until = ramp.endedAt === null ? now : Date.parse(ramp.endedAt)
  const points: Point[] = []
  for (const step of ramp.reachedSteps) {
    const at = Date.parse(step.at)
    const last = points.at(-1)
    if (last !== undefined) points.push({ at, percent: last.percent })
    points.push({ at, percent: step.percent })
  }
  const last = points.at(-1)
  if (last !== undefined) points.push({ at: Math.max(until, last.at), percent: last.percent })
  return points
}

/** The steps to come, if all goes well from here; empty where it does not go on by itself. */
export function plannedCurve(ramp: Ramp, now: number): Point[] {
  if (ramp.state !== 'running' || ramp.nextAt === null) return []
  const points: Point[] = []
  let at = Math.max(now, Date.parse(ramp.nextAt))
  let share = ramp.plan[ramp.step]?.percent ?? 0
  points.push({ at: now, percent: share })
  for (const { percent: next, holdSeconds } of ramp.plan.slice(ramp.step + 1)) {
    points.push({ at, percent: share }, { at, percent: next })
    share = next
    at += holdSeconds * 1000
  }
  return points.length === 1 ? [] : points
}

/** When a ramp would be through: the last moment of its curve. */
export function lastMoment(ramp: Ramp, now: number): number {
  const planned = plannedCurve(ramp, now).at(-1)?.at ?? 0
  const ended = ramp.endedAt === null ? now : Date.parse(ramp.endedAt)
  const from = Date.parse(ramp.startedAt)
  const last = Math.max(planned, ended, from + 60_000)
  // The last step has nothing behind it; let it be seen.
  return planned > 0 ? last + (last - from) * 0.08 : last
}

export interface Rates {
  at: number
  fresh: number | null
  old: number | null
}

/** What is compared: failures of those that tried, or trouble that is no version's fault. */
export type Kind = 'failures' | 'infrastructure'

/** How many of how many. */
export function parts(side: Side, kind: Kind): readonly [number, number] {
  return kind === 'failures' ? [side.failed, side.tried] : [side.infrastructure, side.devices]
}

function rateOf(side: Side, kind: Kind): number | null {
  const [part, of] = parts(side, kind)
  return of > 0 ? (100 * Math.min(part, of)) / of : null
}

/** Rates in percent; none where no device could fail. */
export function rates(evidence: Evidence[], kind: Kind): Rates[] {
  return evidence.map(({ at, fresh, old }) => ({
    at: Date.parse(at),
    fresh: rateOf(fresh, kind),
    old: rateOf(old, kind),
  }))
}

/** A line through what is known, broken where nothing is. */
export function line(points: (readonly [number, number] | null)[]): string {
  let path = ''
  let pen = 'M'
  for (const point of points) {
    if (point === null) {
      pen = 'M'
      continue
    }
    path += `${pen}${point[0].toFixed(1)},${point[1].toFixed(1)}`
    pen = 'L'
  }
  return path
}

const STATES = {
  running: 'Running',
  paused: 'Paused',
  halted: 'Halted',
  completed: 'Complete',
  cancelled: 'Replaced',
} as const

export const stateWord = (ramp: Ramp): string => STATES[ramp.state]

/** Whether it may still change. */
export const isOpen = ({ state }: Ramp): boolean => state === 'running' || state === 'paused'

/** The scope in words: `all devices`, `group kiosks`. */
export function scopeWords(scope: string): string {
  if (scope === 'global') return 'all devices'
  return scope.replace('.', ' ')
}

/** How a ramp stands, and what comes next. */
export function rampWords(ramp: Ramp, now: number): string {
  const at = ramp.plan[ramp.step]?.percent ?? 0
  const step = `At step ${ramp.step + 1} of ${ramp.plan.length}, ${percent(at)}.`
  switch (ramp.state) {
    case 'running': {
      if (ramp.led === false) {
        return `${step} No controller leads it at the moment: it stays there until refit fleet ramp runs on any operator's machine.`
      }
      const next = ramp.plan[ramp.step + 1]
      const left = ramp.nextAt === null ? 0 : (Date.parse(ramp.nextAt) - now) / 1000
      const when = left <= 0 ? 'as soon as its numbers are in' : `in ${span(left)}`
      if (next === undefined) return `${step} The last one: complete ${when}, if failures allow it.`
      return `${step} Goes on to ${percent(next.percent)} ${when}, if failures allow it.`
    }
    case 'paused':
      return `${step} It stays there until it is resumed; it still halts by itself.`
    case 'halted':
      return `The devices that it had reached go back to ${ramp.baseline}.`
    case 'completed':
      return `Every step was reached; ${devices(ramp.reached)} of ${count(ramp.devices)} run it.`
    case 'cancelled':
      return 'Something else was ordered for these devices; see the targets.'
  }
}

/** What halting does, to how many devices: asked before it is done. */
export function haltWords(ramp: Ramp): string {
  const touched = ramp.reached + ramp.onWay
  const who =
    touched === 0
      ? `No device has ${ramp.version} by it yet, and none will get it.`
      : `${devices(touched)} that it has reached ${touched === 1 ? 'goes' : 'go'} back to ${ramp.baseline}, and no other gets ${ramp.version} by it.`
  return `${who} A halted ramp is not resumed: to try again, start a new one with refit fleet ramp.`
}

/** `1 point`, `2.5 points` of a percent. */
function points(value: number): string {
  return percent(value).replace(' %', value === 1 ? ' point' : ' points')
}

/** Both rates at the last look, against what is allowed. */
export function evidenceWords(ramp: Ramp, kind: Kind): string {
  const last = ramp.evidence.at(-1)
  if (last === undefined) return 'Nothing has been compared yet.'
  const told = (side: Side): string => {
    const [part, of] = parts(side, kind)
    const rate = rateOf(side, kind)
    return rate === null ? 'not known' : `${percent(rate)} (${count(part)} of ${count(of)})`
  }
  const few =
    last.fresh.tried >= ramp.minDevices
      ? ''
      : ` Too few to judge: ${count(last.fresh.tried)} of at least ${count(ramp.minDevices)} devices have tried it.`
  return `${ramp.version}: ${told(last.fresh)}; ${ramp.baseline}: ${told(last.old)}. It halts by itself once it is more than ${points(ramp.haltAbove)} above the baseline.${few}`
}

/** At most `most` rows, evenly chosen, the last among them. */
export function thinned<T>(rows: T[], most: number): T[] {
  if (rows.length <= most) return rows
  const step = (rows.length - 1) / (most - 1)
  return Array.from({ length: most }, (_, n) => rows[Math.round(n * step)]).filter(
    (it) => it !== undefined,
  )
}
