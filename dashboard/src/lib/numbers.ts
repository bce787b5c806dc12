/** Numbers, shares and times as people read them. */

const whole = new Intl.NumberFormat('en-GB', { maximumFractionDigits: 0 })

/** `12,345`. */
export const count = (n: number): string => whole.format(n)

/** `1 device`, `2,000 devices`. */
export const devices = (n: number): string => (n === 1 ? '1 device' : `${count(n)} devices`)

/** A share in percent: `0 %`, `0.4 %`, `12 %`; what is not quite nothing, or all, does not say so. */
export function share(part: number, of: number): string {
  if (of <= 0 || part <= 0) return '0 %'
  const value = (100 * part) / of
  if (value >= 100) return '100 %'
  if (value > 99.9) return '> 99.9 %'
  if (value < 0.1) return '< 0.1 %'
  return percent(value >= 10 && value <= 99 ? Math.round(value) : value)
}

/** `2 %`, `2.5 %`. */
export function percent(value: number): string {
  return `${Number(value.toFixed(value < 1 ? 2 : 1))} %`
}

/** A failure rate; a dash where nobody could fail. */
export function rate(failures: number, of: number): string {
  return of <= 0 ? '–' : share(failures, of)
}

/** `45 s`, `12 min`, `1 h 5 min`, `2 d 3 h`: the two largest units. */
export function span(seconds: number): string {
  const s = Math.max(0, Math.round(seconds))
  if (s < 90) return `${s} s`
  const minutes = Math.round(s / 60)
  if (minutes < 60) return `${minutes} min`
  const hours = Math.floor(minutes / 60)
  if (hours < 24) return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${minutes % 60} min`
  const days = Math.floor(hours / 24)
  return hours % 24 === 0 ? `${days} d` : `${days} d ${hours % 24} h`
}

/** How long ago, roughly. */
export function ago(then: string, now: number): string {
  const seconds = (now - Date.parse(then)) / 1000
  return seconds < 2 ? 'now' : `${span(seconds)} ago`
}

/** `14:05`, with seconds where asked for; the day too where it is another one than `now`'s. */
export function clock(at: number, options: { seconds?: boolean; now?: number } = {}): string {
  const date = new Date(at)
  const time = date.toLocaleTimeString(undefined, {
    hour: '2-digit',
    minute: '2-digit',
    ...(options.seconds === true ? { second: '2-digit' } : {}),
    hourCycle: 'h23',
  })
  if (options.now === undefined || new Date(options.now).toDateString() === date.toDateString()) {
    return time
  }
  return `${date.toLocaleDateString(undefined, { day: 'numeric', month: 'short' })}, ${time}`
}

/** `180` hundreds: the numbers an axis up to `most` is marked at, 0 included, at most five steps. */
export function ticks(most: number): number[] {
  if (!(most > 0)) return [0]
  const rough = most / 4
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = [1, 2, 2.5, 5, 10].map((it) => it * power).find((it) => it >= rough) ?? 10 * power
  const marks: number[] = []
  for (let n = 0; n * step <= most * (1 + 1e-9); n += 1) marks.push(Number((n * step).toPrecision(12)))
  return marks
}

const STEPS = [60, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800]

/** Moments between two times, in milliseconds, at which the time axis is marked: whole local hours and minutes. */
export function moments(from: number, to: number, most: number): number[] {
  const step = 1000 * (STEPS.find((it) => ((to - from) / 1000 / it) <= most) ?? 604_800)
  const zone = new Date(from).getTimezoneOffset() * 60_000
  const marks: number[] = []
  for (let at = Math.ceil((from - zone) / step) * step + zone; at <= to; at += step) marks.push(at)
  return marks
}

/** `98,412` on an axis: `98k`, `1.2M`. */
export function short(n: number): string {
  if (n >= 1_000_000) return `${Number((n / 1_000_000).toFixed(1))}M`
  if (n >= 10_000) return `${Number((n / 1000).toFixed(1))}k`
  return count(n)
}
