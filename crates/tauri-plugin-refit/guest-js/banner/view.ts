/** What the banner shows, decided from plain data. */
import type { Problem, Status } from '../types'

export type Action = 'apply' | 'later' | 'notes' | 'retry' | 'dismiss' | 'close'

export interface Button {
  action: Action
  label: string
  primary?: boolean
}

export interface Card {
  kind: 'staged' | 'busy' | 'fell-back' | 'note'
  title: string
  detail: string | null
  buttons: Button[]
  /** What "What's new" unfolds. */
  notes: string | null
  /** What Escape does. */
  escape: Action | null
}

export interface Line {
  label: string
  /** 0 to 1; null while the end is unknown. */
  fraction: number | null
}

export interface View {
  card: Card | null
  line: Line | null
}

/** What the banner knows besides the status. */
export interface Own {
  later?: string
  dismissed?: string
  /** What this banner has asked for and not heard of yet. */
  busy: { what: 'apply' | 'retry'; version: string } | null
  /** A version that was fetched again because the user asked: it waits, whatever failed before. */
  fetched: string | null
  /** What came of the last request, when that needs telling. */
  note: { title: string; detail: string | null } | null
}

export function view(status: Status | null, own: Own, when: (time: string) => string): View {
  if (status === null || status.phase === 'failed' || status.phase === 'stopped') {
    return { card: null, line: null }
  }
  return { card: card(status, own, when), line: line(status) }
}

/** What to tell of a request that failed. */
export function noteOf(problem: Problem): NonNullable<Own['note']> {
  return { title: sentence(problem.message), detail: problem.hint === '' ? null : problem.hint }
}

function card(status: Status, own: Own, when: (time: string) => string): Card | null {
  const { fellBack, running } = status
  const staged = waiting(status, own)
  if (own.busy?.what === 'apply') {
    return busy(`Restarting with version ${own.busy.version}…`)
  }
  if (status.phase === 'restarting') return busy('Restarting…')
  if (own.busy?.what === 'retry') {
    return busy(`Fetching version ${own.busy.version} again…`)
  }
  if (own.note !== null) {
    return {
      kind: 'note',
      ...own.note,
      buttons: [{ action: 'close', label: 'Dismiss' }],
      notes: null,
      escape: 'close',
    }
  }
  const fallback = fellBack !== null && fellBack.at !== own.dismissed ? fellBack : null
  // A version that waits is newer news than the fallback of another one. The same one waits again
  // once it has been forgiven; one that was passed over for this launch only is no news.
  const passedOver =
    fallback !== null &&
    !fallback.condemned &&
    fallback.from === staged?.version &&
    fallback.from !== own.fetched
  if (staged !== null && staged.version !== own.later && !passedOver) {
    const fetched = staged.stagedAt === null ? '' : ` ${when(staged.stagedAt)}`
    const now = running === null ? '' : ` Version ${running.version} is running.`
    return {
      kind: 'staged',
      title: `Version ${staged.version} is ready.`,
      detail: null,
      buttons: [
        { action: 'apply', label: 'Restart to apply', primary: true },
        { action: 'later', label: 'Later' },
        { action: 'notes', label: "What's new" },
      ],
      notes:
        staged.notes || `Version ${staged.version} was fetched and verified${fetched}.${now}`,
      escape: 'later',
    }
  }
  if (fallback !== null) {
    return {
      kind: 'fell-back',
      title:
        sentence(fallback.message) ||
        `Version ${fallback.from} did not work. Version ${running?.version ?? fallback.to} is running.`,
      detail: fallback.condemned
        ? `Version ${fallback.from} is not started again unless you ask for it.`
        : `Version ${fallback.from} is tried again at the next start.`,
      buttons: [
        { action: 'retry', label: 'Try again', primary: true },
        { action: 'dismiss', label: 'Dismiss' },
      ],
      notes: null,
      escape: 'dismiss',
    }
  }
  return null
}

/** The version that a restart would apply. */
export function waiting(
  { staged, running }: Status,
  { fetched }: Pick<Own, 'fetched'>,
): { version: string; stagedAt: string | null; notes?: string | null } | null {
  if (staged !== null) return staged
  return fetched === null || fetched === running?.version
    ? null
    : { version: fetched, stagedAt: null }
}

function busy(title: string): Card {
  return { kind: 'busy', title, detail: null, buttons: [], notes: null, escape: null }
}

function line({ progress }: Status): Line | null {
  if (progress === null) return null
  const known = progress.total !== null && progress.total > 0
  return {
    label: `Downloading version ${progress.version}`,
    fraction:
      progress.phase !== 'downloading'
        ? 1
        : known
          ? Math.min(1, progress.bytes / (progress.total as number))
          : null,
  }
}

/** First letter large, full stop at the end, as text on screen is. */
function sentence(text: string): string {
  const trimmed = text.trim()
  if (trimmed === '') return ''
  const first = trimmed.charAt(0).toUpperCase() + trimmed.slice(1)
  return /[.…?:]$/.test(first) ? first : `${first}.`
}
