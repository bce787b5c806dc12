/** In words: when what is staged is applied, what was rehearsed, damaged and kept, and who decides. */
import type { Busy, ContractFinding, Damage, Rehearsal, Snapshot, Status } from 'tauri-plugin-refit-api'
import { bytes, localTimes, moment, rollBack } from './words'

/** What stands at everything that an administrator decides alone. */
export const MANAGED = 'Managed by your administrator'

/** The latest moment: the time, and the day where that is not today. */
export function latest(time: string, now: Date): string {
  const date = new Date(time)
  if (Number.isNaN(date.getTime())) return `by ${time}`
  const today = date.toDateString() === now.toDateString()
  return today
    ? `by ${date.toLocaleTimeString(undefined, { timeStyle: 'short' })}`
    : `by ${date.toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'short' })}`
}

/** When and how what is staged is applied; null where nothing is, or where its turn is what counts. */
export function applyingWords({ staged, applying, managed, updates }: Status, now: Date): string | null {
  if (staged === null || staged.blocked !== null || applying === null) return null
  const { version } = staged
  if (managed?.updates === 'off') return `Version ${version} is not applied. ${MANAGED}.`
  const ceiling =
    applying.deadline === null
      ? ''
      : ` Even if it never is, it applies ${latest(applying.deadline, now)} at the latest.`
  switch (applying.waitsFor) {
    case 'person':
      return updates === 'on' || updates === 'managed'
        ? `Version ${version} waits for you to restart. The next start of the app applies it in any case.`
        : `Version ${version} waits for you to restart.`
    case 'next-launch':
      return `Version ${version} is applied at the next start of the app.`
    case 'idle':
      return `Version ${version} is applied as soon as the runtime is idle.${ceiling}`
    case 'turn':
      return null
  }
}

/** What the runtime says it is at. */
export function busyWords({ tasks, since }: Busy): string {
  const what =
    tasks === null || tasks < 1 ? 'Work is going on' : `${tasks} task${tasks === 1 ? '' : 's'} running`
  return `${what}, since ${moment(since)}`
}

export function rehearsalWords({ version, outcome, detail }: Rehearsal): string {
  switch (outcome) {
    case 'passed':
      return told(`Version ${version} passed its rehearsal`, detail)
    case 'failed':
      return told(`Version ${version} failed a rehearsal`, detail)
    case 'skipped':
      return told(`Version ${version} was not rehearsed`, detail)
    case 'bad':
      return told(`Version ${version} failed its rehearsal twice and is not used`, detail)
    case 'inconclusive':
      return told(
        `The rehearsal of version ${version} says nothing: the version inside the installer failed it too`,
        detail,
      )
  }
}

export function damageWords({ version, detail, state }: Damage): string {
  switch (state) {
    case 'found':
      return told(`Version ${version} is damaged on the disk and is being fetched again`, detail)
    case 'mended':
      return told(`Version ${version} was damaged on the disk and has been replaced as a whole`, detail)
    case 'waiting':
      return told(
        `Version ${version} is damaged on the disk and could not be fetched again yet; another version runs meanwhile`,
        detail,
      )
  }
}

export function contractWords({ message, healed }: ContractFinding): string {
  const found = told(message, '')
  return healed === null ? found : `${found} Version ${healed} took its place.`
}

export function snapshotWords({ version, of, bytes: size }: Snapshot): string {
  const whose = of === null ? 'The data' : `The data of version ${of}`
  return `${whose}, kept before version ${version} first started (${bytes(size)})`
}

/** The data that a roll back can put back with the version: the newest that are of that version. */
export function dataFor(status: Status): Snapshot | null {
  const to = rollBack(status)?.to
  const fitting = status.snapshots.filter(({ of }) => of !== null && of === to)
  return fitting.reduce<Snapshot | null>(
    (newest, it) => (newest === null || it.at > newest.at ? it : newest),
    null,
  )
}

function told(what: string, detail: string): string {
  const text = localTimes(detail.trim())
  const whole = text === '' ? what : `${what}: ${text}`
  return /[.…?]$/.test(whole) ? whole : `${whole}.`
}
