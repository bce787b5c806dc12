/** Statuses in words: plain functions over plain data. */
import type { CheckReport, HistoryEntry, LastCheck, Running, Status } from 'tauri-plugin-refit-api'

/** A moment as people here write it. */
export function moment(time: string): string {
  const date = new Date(time)
  if (Number.isNaN(date.getTime())) return time
  return date.toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'medium' })
}

/** A text from the device, with its times as people here write them. */
export function localTimes(text: string): string {
  return text.replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z/g, moment)
}

export function bytes(count: number): string {
  const megabytes = count / 1_000_000
  return megabytes < 0.1 ? `${Math.ceil(count / 1000)} kB` : `${megabytes.toFixed(1)} MB`
}

/** What stands behind the running version. */
export function runningNote(running: Running): string {
  if (running.source === 'development') return 'named by REFIT_RUNTIME'
  if (running.source === 'bundled') return 'the one inside the installer'
  if (running.trial) return 'on trial until it has run for a while'
  return running.source === 'previous' ? 'the last good version' : 'confirmed'
}

/** Why this app does not look for updates by itself; null when it does. */
export function updatesOff(updates: Status['updates']): string | null {
  switch (updates) {
    case 'on':
      return null
    case 'development-build':
      return 'Updates are off: this is a development build.'
    case 'no-auto-update':
      return 'Automatic updates are off: REFIT_NO_AUTO_UPDATE is set. What you ask for by hand works.'
    // An administrator's decision is told in the administrator's words.
    case 'managed':
    case 'off':
      return null
  }
}

/** What the last check came to. What it found may run by now, and waits no longer. */
export function checkWords(check: LastCheck | null, running: Status['running'] = null): string {
  if (check === null) return 'Nothing has been looked for yet.'
  const who = check.by === 'person' ? 'You checked' : 'Checked'
  const runsNow = check.error === null && running !== null && running.version === check.version
  const what = runsNow ? `Up to date: the newest is ${running.version}` : check.message
  return `${who} on ${moment(check.at)}: ${localTimes(check.error?.message ?? what)}`
}

/** What a check that was asked for came to. Whoever asks is told, too, if nobody answered. */
export function answerWords({ message, staged, trouble }: CheckReport): string {
  const what = staged?.message ?? message
  if (trouble === undefined) return what
  return `${/[.…]$/.test(what) ? what : `${what}.`} Nothing new was heard: ${trouble.message}`
}

export function progressWords(progress: NonNullable<Status['progress']>): string {
  const { version, phase } = progress
  if (phase === 'verifying') return `Verifying version ${version}…`
  if (phase === 'staging') return `Staging version ${version}…`
  if (phase === 'rehearsing') return `Rehearsing version ${version} out of sight…`
  const total = progress.total === null ? '' : ` of ${bytes(progress.total)}`
  return `Downloading version ${version}: ${bytes(progress.bytes)}${total}`
}

export function historyWords(entry: HistoryEntry): string {
  const { version, from } = entry
  switch (entry.event) {
    case 'staged':
      return `Version ${version} was staged`
    case 'applied':
      return `Version ${version} was applied`
    case 'confirmed':
      return `Version ${version} was confirmed`
    case 'fell-back':
      return from === undefined
        ? `Fell back to version ${version}`
        : `Version ${from} failed; fell back to version ${version}`
    case 'rolled-back':
      if (from !== undefined && BLOCKED.has(entry.reason ?? '')) {
        return `Version ${from} was passed over; version ${version} ran`
      }
      return from === undefined
        ? `Rolled back to version ${version}`
        : `Rolled back from version ${from} to version ${version}`
    case 'forgiven':
      return `Version ${version} may be tried again`
    case 'rehearsed':
      return `Version ${version} passed its rehearsal`
    case 'rehearsal-failed':
      return `Version ${version} failed its rehearsal`
    case 'rehearsal-skipped':
      return `Version ${version} was not rehearsed`
    case 'damaged':
      return `Version ${version} was found damaged on the disk`
    case 'mended':
      return `Version ${version} was fetched again and replaced as a whole`
    case 'contract-unmet':
      return `Version ${version} needs another version of this app`
    case 'snapshot':
      return `The data were kept before the first start of version ${version}`
    case 'put-back':
      return `The data were put back as they were before version ${version}`
    case 'upgraded':
      return from === undefined
        ? `${workspace(entry)} runs version ${version}`
        : `${workspace(entry)} went from version ${from} to version ${version}`
    case 'workspace-dead':
      return `${workspace(entry)} is dead since version ${version} failed there`
  }
}

/** The workspace that an entry is about: its reason is the workspace's name. */
function workspace({ reason }: HistoryEntry): string {
  return reason === undefined || reason === '' ? 'A workspace' : `Workspace ${reason}`
}

/** Why it happened, where the words of an entry do not say it already. */
export function historyReason({ event, reason }: HistoryEntry): string | null {
  if (reason === undefined || reason === '') return null
  switch (event) {
    case 'upgraded':
    case 'workspace-dead':
      return null
    // How it ended, and after a colon what was seen.
    case 'rehearsal-failed':
      return reason.replace(/^(?:failed|bad|inconclusive): /, '')
    default:
      return reasonWords(reason)
  }
}

/** Reasons for which a publisher, and no person and no failure, leaves a version behind. */
const BLOCKED = new Set(['recalled', 'withdrawn', 'held', 'expired', 'not-signed', 'unheard'])

const REASONS: Record<string, string> = {
  'exited-before-ready': 'It stopped before it was ready.',
  'not-ready-in-time': 'It was not ready in time.',
  killed: 'It was ended from outside before it was ready.',
  'no-verdict': 'It never got as far as being ready.',
  'crash-loop': 'It kept crashing.',
  environment: 'It could not be started on this machine.',
  'rolled-back': 'You rolled back from it.',
  recalled: 'Its publisher recalled it.',
  withdrawn: 'It was no longer being rolled out.',
  held: "It was not this app's turn.",
  expired: 'The signed update information had expired.',
  'not-signed': 'Nobody vouches for it: it was staged before this app believed signed versions only.',
  unheard: 'What its publisher last said was not known here.',
  rehearsal: 'It failed its rehearsal twice, out of sight.',
  'rehearsal-inconclusive': 'Its rehearsal failed, and so did that of the version inside the installer.',
  contract: 'It needs another version of this app.',
  'minimum-age': 'It has not been out for as long as your administrator wants.',
  managed: 'Managed by your administrator.',
}

/** A reason's code in words; what is no known code stays as it is. */
export function reasonWords(code: string): string {
  return REASONS[code] ?? code
}

/**
 * What a roll back leaves, and where it leads: from the version that the next start would run to the
 * confirmed one before it, else to the bundled one. Null when there is nothing to leave.
 */
export function rollBack(status: Status): { from: string; to: string } | null {
  const { running, previous, bundled, staged, updates } = status
  if (running === null || updates === 'development-build') return null
  if (staged === null && running.source === 'bundled') return null
  return { from: staged?.version ?? running.version, to: previous ?? bundled.version }
}

/** The version that is on its way up. */
export function startingVersion(status: Status): string {
  return status.starting ?? status.bundled.version
}

/** Changes when the history has something to add. */
export function historyKey(status: Status): string {
  const { running, staged, fellBack, passedOver, bad, workspaces } = status
  const runs = [running?.version, running?.since, running?.trial]
  const upkeep = [status.rehearsals, status.damage, status.contract, status.snapshots]
  const places = workspaces.map(({ name, state, version }) => [name, state, version])
  return JSON.stringify([...runs, staged, fellBack, passedOver, bad, upkeep, places])
}
