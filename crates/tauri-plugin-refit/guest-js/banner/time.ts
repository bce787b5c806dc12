/** Moments in words. */

/** A moment as people here write it. */
export function when(time: string): string {
  const date = new Date(time)
  if (Number.isNaN(date.getTime())) return time
  return `on ${date.toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'short' })}`
}

/** How long ago a moment was, so coarsely that a banner's words do not change under its reader. */
export function ago(time: string, now: Date): string {
  const then = new Date(time).getTime()
  if (Number.isNaN(then)) return when(time)
  const hours = Math.floor((now.getTime() - then) / 3_600_000)
  if (hours < 1) return 'less than an hour ago'
  const [count, unit] = hours < 48 ? [hours, 'hour'] : [Math.floor(hours / 24), 'day']
  return `${count} ${unit}${count === 1 ? '' : 's'} ago`
}
