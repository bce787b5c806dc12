/** States of devices in words. */
import type { Device, State, States } from './types'

const WORDS: Record<State, string> = {
  arrived: 'On target',
  idle: 'No target',
  waiting: 'Waiting its turn',
  staging: 'Staging',
  staged: 'Staged',
  swapping: 'Starting',
  refused: 'Refused',
  trouble: 'Trouble',
  off: 'Updates off',
  halted: 'Nothing runs',
}

export const stateWords = (state: State): string => WORDS[state] ?? state

/** A mark that is told from the others by its shape. */
export type Mark = 'done' | 'quiet' | 'moving' | 'warning' | 'bad'

export function markOf(state: State): Mark {
  switch (state) {
    case 'arrived':
      return 'done'
    case 'waiting':
    case 'staging':
    case 'staged':
    case 'swapping':
      return 'moving'
    case 'refused':
    case 'trouble':
      return 'warning'
    case 'halted':
      return 'bad'
    default:
      return 'quiet'
  }
}

export const MOVING: State[] = ['waiting', 'staging', 'staged', 'swapping']

export const sum = (states: States, of: readonly State[]): number =>
  of.reduce((all, state) => all + (states[state] ?? 0), 0)

const REASONS: Record<string, string> = {
  unknown: 'the version is not known there',
  recalled: 'its publisher recalled it',
  'bad-version': 'it failed there before',
  incompatible: 'it does not suit this device',
  'not-signed': 'nobody vouches for it',
}

/** Why a device stands as it does; the device's own words where it has some. */
export function reasonWords({ reason, detail }: Device): string {
  if (detail !== '') return detail
  return REASONS[reason] ?? reason.replaceAll('-', ' ')
}
