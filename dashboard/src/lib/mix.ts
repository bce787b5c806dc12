/** The version mix over time: which versions are shown, in which order, and the stack's outline. */
import type { Overview, Series, Version } from './types'
import { count, share } from './numbers'

/** At most so many versions have an area of their own. */
export const MOST = 7
/** All other versions together. */
export const OTHERS = '…'

export interface Layer {
  version: string | null
  /** Of the newest: 0. It names the colour. */
  rank: number
  counts: number[]
  now: number
}

export interface Mix {
  /** Milliseconds since 1970, one for each count. */
  times: number[]
  /** From the bottom, oldest first. */
  layers: Layer[]
  /** The most devices at one time. */
  most: number
}

/** Whether a version is newer: by precedence, as far as a page needs to know. */
export function byVersion(a: string | null, b: string | null): number {
  if (a === b) return 0
  if (a === null || b === null) return a === null ? -1 : 1
  if (a === OTHERS || b === OTHERS) return a === OTHERS ? -1 : 1
  const [coreA = '', preA] = halves(a)
  const [coreB = '', preB] = halves(b)
  const numbersA = coreA.split('.').map(Number)
  const numbersB = coreB.split('.').map(Number)
  for (let n = 0; n < 3; n += 1) {
    const apart = (numbersA[n] ?? 0) - (numbersB[n] ?? 0)
    if (apart !== 0) return apart
  }
  if (preA === undefined || preB === undefined) return preA === preB ? 0 : preA === undefined ? 1 : -1
  return preA.localeCompare(preB, 'en', { numeric: true })
}

function halves(version: string): [string, string | undefined] {
  const bare = version.split('+')[0] ?? ''
  const dash = bare.indexOf('-')
  return dash < 0 ? [bare, undefined] : [bare.slice(0, dash), bare.slice(dash + 1)]
}

/** The stack of one series, with what is known now at its end. */
export function mixOf(series: Series, overview: Overview): Mix {
  const start = Date.parse(series.start)
  const length = Math.max(0, ...series.versions.map(({ counts }) => counts.length))
  const times = Array.from({ length }, (_, n) => start + n * series.step * 1000)
  const now = Date.parse(overview.at)
  const fresh = length === 0 || now > (times[length - 1] ?? 0)
  if (fresh) times.push(now)
  const standing = new Map(overview.versions.map((it) => [it.version, it.devices]))
  const told = new Map(series.versions.map((it) => [it.version, it.counts]))
  const names = [...new Set([...told.keys(), ...standing.keys()])]
  const size = (name: string | null): number =>
    Math.max(standing.get(name) ?? 0, ...(told.get(name) ?? [0]))
  const shown = names
    .filter((it) => it !== OTHERS)
    .sort((a, b) => size(b) - size(a))
    .slice(0, MOST)
  const rest = names.filter((it) => !shown.includes(it))
  const countsOf = (name: string | null): number[] => {
    const counts = Array.from({ length }, (_, n) => told.get(name)?.[n] ?? 0)
    return fresh ? [...counts, standing.get(name) ?? 0] : counts
  }
  const layers: Layer[] = shown
    .sort(byVersion)
    .map((version, n) => ({ version, rank: shown.length - 1 - n, counts: countsOf(version), now: standing.get(version) ?? 0 }))
  if (rest.length > 0) {
    const all = rest.map(countsOf)
    layers.unshift({
      version: OTHERS,
      rank: MOST,
      counts: times.map((_, n) => all.reduce((sum, counts) => sum + (counts[n] ?? 0), 0)),
      now: rest.reduce((sum, name) => sum + (standing.get(name) ?? 0), 0),
    })
  }
  const sums = times.map((_, n) => layers.reduce((sum, { counts }) => sum + (counts[n] ?? 0), 0))
  return { times, layers: layers.filter((it) => it.counts.some((n) => n > 0)), most: Math.max(0, ...sums) }
}

export interface Band {
  layer: Layer
  /** An SVG path. */
  area: string
  /** Its upper edge alone. */
  edge: string
  /** Where its name stands, where there is room for it. */
  label: { x: number; y: number } | null
}

/** The stack's areas, from the bottom. */
export function bands(mix: Mix, x: (at: number) => number, y: (n: number) => number): Band[] {
  let floor = mix.times.map(() => 0)
  return mix.layers.map((layer) => {
    const top = floor.map((n, i) => n + (layer.counts[i] ?? 0))
    const point = (n: number, i: number): string =>
      `${x(mix.times[i] ?? 0).toFixed(1)},${y(n).toFixed(1)}`
    const edge = `M${top.map(point).join('L')}`
    const area = `${edge}L${floor.map(point).reverse().join('L')}Z`
    const label = labelAt(mix, floor, top, x, y)
    floor = top
    return { layer, area, edge, label }
  })
}

/** Where the band is thick enough for its name, as near the middle as may be. */
function labelAt(
  mix: Mix,
  floor: number[],
  top: number[],
  x: (at: number) => number,
  y: (n: number) => number,
): { x: number; y: number } | null {
  const left = x(mix.times[0] ?? 0)
  const right = x(mix.times.at(-1) ?? 0)
  const places = mix.times.map((time, i) => {
    const low = y(floor[i] ?? 0)
    const high = y(top[i] ?? 0)
    return { x: x(time), y: (low + high) / 2, room: low - high }
  })
  const within = places.filter((it) => it.room >= 20 && it.x >= left + 34 && it.x <= right - 34)
  const most = Math.max(...within.map(({ room }) => room))
  const off = (it: { x: number }): number => Math.abs(it.x - (left + right) / 2)
  const best = within
    .filter(({ room }) => room >= most * 0.85)
    .reduce<(typeof places)[number] | null>((a, b) => (a === null || off(b) < off(a) ? b : a), null)
  return best === null ? null : { x: best.x, y: best.y }
}

/** A version's name on screen. */
export function nameOf(version: string | null): string {
  if (version === null) return 'nothing runs'
  return version === OTHERS ? 'other versions' : version
}

/** What a stack says, for those who do not see it. */
export function mixWords(mix: Mix, total: number): string {
  const parts = [...mix.layers].reverse().map(({ version, counts, now }) => {
    const first = counts[0] ?? 0
    const was = first === now ? '' : `, ${count(first)} at the beginning`
    return `${nameOf(version)}: ${count(now)} (${share(now, total)})${was}`
  })
  return parts.length === 0 ? 'No device has been heard of.' : `${parts.join('; ')}.`
}

/** The largest state's share of a version, for the legend. */
export function onWay({ states }: Version): number {
  return (states.waiting ?? 0) + (states.staging ?? 0) + (states.staged ?? 0) + (states.swapping ?? 0)
}
