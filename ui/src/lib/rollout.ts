/** Rollouts and trust in words: why this app does or does not have the newest, and when it will. */
import type { PassedOver, Rollout, Staged, Status } from 'tauri-plugin-refit-api'
import { localTimes, moment } from './words'

/** How long ago, as people say it. */
export function ago(time: string, now: Date): string {
  const then = new Date(time).getTime()
  if (Number.isNaN(then)) return moment(time)
  const minutes = Math.floor((now.getTime() - then) / 60_000)
  if (minutes < 1) return 'just now'
  const [count, unit] =
    minutes < 60
      ? [minutes, 'minute']
      : minutes < 48 * 60
        ? [Math.floor(minutes / 60), 'hour']
        : [Math.floor(minutes / (24 * 60)), 'day']
  return `${count} ${unit}${count === 1 ? '' : 's'} ago`
}

/** When a turn is: the time, and the day where that is not today. */
export function turn(time: string, now: Date): string {
  const date = new Date(time)
  if (Number.isNaN(date.getTime())) return `on ${time}`
  const today = date.toDateString() === now.toDateString()
  return today
    ? `at ${date.toLocaleTimeString(undefined, { timeStyle: 'short' })}`
    : `on ${date.toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'short' })}`
}

/** Why this app does or does not have the newest version, and when it will. */
export function standingWords(status: Status, now: Date): string | null {
  const { rollout, running, staged } = status
  if (rollout === null) return null
  const { pinned } = rollout
  if (pinned !== null) {
    return rollout.recalled.includes(pinned)
      ? `Version ${pinned}, which this app is to have, is recalled.`
      : `This app is to have version ${pinned}.`
  }
  const { version } = rollout
  const recalled = version !== null && rollout.recalled.includes(version)
  if (rollout.experimental && !recalled) {
    return 'This app takes the newest at once (REFIT_EXPERIMENTAL).'
  }
  if (version === null) {
    return rollout.mode === 'registry' ? null : 'Nothing has been heard of a newest version yet.'
  }
  if (recalled) {
    const instead = rollout.stable === null ? '' : ` This app is to have ${rollout.stable}.`
    return `Version ${version} is recalled.${instead}`
  }
  if (running?.version === version) return `The newest version, ${version}, is running.`
  if (staged?.version === version && staged.blocked === null) {
    return `Version ${version} is ready and waits for a restart.`
  }
  const { eligibleAt, decision, reason } = rollout
  const comes = eligibleAt !== null && new Date(eligibleAt).getTime() > now.getTime()
  // A turn comes by the clock alone: a check that failed does not put it off.
  if (comes && (reason === 'held' || decision === null)) {
    return `Rolling out: your turn is ${turn(eligibleAt, now)}.`
  }
  // What went wrong with a check is told with the checks.
  if (reason !== 'held') return decision === null ? null : sentence(rollout.message)
  return eligibleAt === null
    ? `Version ${version} is being rolled out.`
    : `Version ${version} is being rolled out, and your turn has come${
        status.updates === 'on' ? ': the next check fetches it' : ''
      }.`
}

/** Who is believed, and how old their word is. */
export function trustWords(rollout: Rollout, now: Date): string {
  const { mode, verifiedAt, expires, expired } = rollout
  switch (mode) {
    case 'registry':
      return 'Updates come from the registry as they are published.'
    case 'manifest':
      return verifiedAt === null
        ? "Updates follow the publisher's manifest, which has not been heard yet."
        : `Updates follow the publisher's manifest, heard ${ago(verifiedAt, now)}.`
    case 'tuf':
      if (verifiedAt === null) return 'Signed updates: nothing has been verified yet.'
      if (expired && expires !== null) return expiredWords(expires, now)
      return `Signed updates, verified ${ago(verifiedAt, now)}${
        expires === null ? '' : `, valid until ${moment(expires)}`
      }.`
  }
}

/** Why a staged version is not started; null where it is. */
export function blockedWords(
  staged: Staged | null,
  rollout: Rollout | null,
  now: Date,
): string | null {
  if (staged === null || staged.blocked === null) return null
  const { version, blocked } = staged
  switch (blocked.reason) {
    case 'recalled':
      return `Version ${version} is recalled and is not started.`
    case 'withdrawn':
      return `Version ${version} is no longer being rolled out. It starts only if you ask for it.`
    case 'held': {
      const at = rollout?.version === version ? rollout.eligibleAt : null
      const when = at === null ? '' : ` Your turn is ${turn(at, now)}.`
      return `It is not this app's turn to start version ${version}.${when}`
    }
    case 'expired':
      return rollout?.expires == null
        ? localTimes(blocked.message)
        : `Version ${version} is not started. ${expiredWords(rollout.expires, now)}`
    default:
      return localTimes(blocked.message)
  }
}

/** Whether a person may start it all the same. */
export function mayApply(staged: Staged, managed: Status['managed'] = null): boolean {
  const reason = staged.blocked?.reason
  if (managed !== null && (managed.updates === 'off' || reason !== undefined)) return false
  return reason === undefined || reason === 'held' || reason === 'withdrawn'
}

/** What the last launch passed over. */
export function passedOverWords({ from, to, reason, message }: PassedOver): string {
  if (reason !== 'expired') return message
  return `Version ${from} was not started: the signed update information has expired. Version ${to} is running.`
}

function expiredWords(expires: string, now: Date): string {
  return `The signed update information expired ${ago(expires, now)}; new versions are not started until it is renewed.`
}

function sentence(text: string | null): string | null {
  const trimmed = (text ?? '').trim()
  if (trimmed === '') return null
  return localTimes(/[.…?:]$/.test(trimmed) ? trimmed : `${trimmed}.`)
}
