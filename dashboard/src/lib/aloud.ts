/** What is said aloud: only what a person would be called for, never counts as they change. */
import type { Overview, Problem } from './types'
import { scopeWords, stateWord } from './ramp'

export function aloud(before: Overview | null, after: Overview): string | null {
  if (before === null) return null
  const known = new Map(before.ramps.map((it) => [it.id, it]))
  for (const ramp of after.ramps) {
    const was = known.get(ramp.id)
    const name = `The ramp to ${ramp.version} on ${scopeWords(ramp.scope)}`
    if (was === undefined) return `${name} has begun.`
    if (was.state !== ramp.state) {
      const why = ramp.reason === '' ? '' : ` ${ramp.reason}`
      return `${name}: ${stateWord(ramp).toLowerCase()}.${why}`
    }
    const share = ramp.plan[ramp.step]?.percent
    if (was.step !== ramp.step && share !== undefined) return `${name} is at ${share} % now.`
  }
  if (before.trouble !== after.trouble) return after.trouble ?? 'The broker answers again.'
  return null
}

/** The connection in words. */
export function aloudOf(problem: Problem | null): string {
  return problem === null ? 'The page is live again.' : `${problem.message} ${problem.hint}`
}
