/** What the banner shows, decided from plain data. */
import type { Problem, Status } from '../types'

export type Action = 'apply' | 'later' | 'notes' | 'retry' | 'dismiss' | 'close'

export interface Button {
  action: Action
  label: string
  primary?: boolean
}

export interface Card {
  kind: 'staged' | 'busy' | 'fell-back' | 'passed-over' | 'stale' | 'note'
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
  told?: string
  /** The end of validity whose passing was dismissed. */
  stale?: string
  /** What this banner has asked for and not heard of yet. */
  busy: { what: 'apply' | 'retry'; version: string } | null
  /** A version that was fetched again because the user asked: it waits, whatever failed before. */
  fetched: string | null
  /** What came of the last request, when that needs telling. */
  note: { title: string; detail: string | null } | null
}

/** Moments in words: of a day, and from now. */
export interface Time {
  when(time: string): string
  ago(time: string): string
}

/**
 * Of a rollout it looks at nothing but its expiry: a version whose turn has not come must not show
 * itself here.
 */
export function view(status: Status | null, own: Own, time: Time): View {
  if (status === null || status.phase === 'failed' || status.phase === 'stopped') {
    return { card: null, line: null }
  }
  return { card: card(status, own, time), line: line(status) }
}

/** What to tell of a request that failed. */
export function noteOf(problem: Problem): NonNullable<Own['note']> {
  return { title: sentence(problem.message), detail: problem.hint === '' ? null : problem.hint }
}

function card(status: Status, own: Own, time: Time): Card | null {
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
  const asks = staged !== null && (staged.version === own.fetched || prompts(status))
  if (staged !== null && asks && staged.version !== own.later && !passedOver) {
    const fetched = staged.stagedAt === null ? '' : ` ${time.when(staged.stagedAt)}`
    const now = running === null ? '' : ` Version ${running.version} is running.`
    return {
      kind: 'staged',
      title: `Version ${staged.version} is ready.`,
      detail: waitWords(status, time),
      buttons: [
        { action: 'apply', label: applyLabel(status.busy), primary: true },
        { action: 'later', label: 'Later' },
        { action: 'notes', label: "What's new" },
      ],
      notes:
        capped(staged.notes) || `Version ${staged.version} was fetched and verified${fetched}.${now}`,
      escape: 'later',
    }
  }
  if (fallback !== null) {
    return {
      kind: 'fell-back',
      title:
        sentence(fallback.message) ||
        `Version ${fallback.from} did not work. Version ${running?.version ?? fallback.to} is running.`,
      detail: !fallback.condemned
        ? `Version ${fallback.from} is tried again at the next start.`
        : status.managed !== null
          ? status.managed.message
          : `Version ${fallback.from} is not started again unless you ask for it.`,
      buttons: [
        // Where an administrator decides, the request would be refused.
        ...(status.managed === null
          ? [{ action: 'retry' as const, label: 'Try again', primary: true }]
          : []),
        { action: 'dismiss', label: 'Dismiss' },
      ],
      notes: null,
      escape: 'dismiss',
    }
  }
  return takenBack(status, own) ?? stale(status, own, time)
}

/**
 * Whether a version that waits is a question to whoever sits here. One that the next start applies
 * by itself is none; one that is applied as soon as the work is done is one only while there is work.
 * Where nothing happens by itself, and nobody may restart into it, there is nothing to ask.
 */
function prompts({ applying, busy, managed }: Status): boolean {
  if (managed?.updates === 'off') return false
  switch (applying?.waitsFor ?? 'person') {
    case 'person':
      return true
    case 'next-launch':
      return false
    case 'idle':
    case 'turn':
      return applying?.mode === 'prompt' || busy !== null
  }
}

/** A restart, with what it would interrupt. */
export function applyLabel(busy: Status['busy']): string {
  const work = busyWords(busy)
  return work === null ? 'Restart to apply' : `Restart to apply · ${work}`
}

/** What the runtime is at, where it says that it is busy. */
export function busyWords(busy: Status['busy']): string | null {
  if (busy === null) return null
  const { tasks } = busy
  if (tasks === null || tasks < 1) return 'work is going on'
  return `${tasks} task${tasks === 1 ? '' : 's'} running`
}

/** When a version that waits for the work to be done is applied all the same. */
function waitWords({ applying }: Status, time: Time): string | null {
  if (applying === null || applying.mode === 'prompt' || applying.deadline === null) return null
  return `It is applied when the work is done, ${time.when(applying.deadline)} at the latest.`
}

/** What the publisher took back. Told once: later starts show it on the runtime page only. */
function takenBack({ passedOver }: Status, own: Own): Card | null {
  if (passedOver === null || !passedOver.firstTime || passedOver.at === own.told) return null
  if (passedOver.reason !== 'recalled' && passedOver.reason !== 'withdrawn') return null
  return {
    kind: 'passed-over',
    title: sentence(passedOver.message),
    detail: null,
    buttons: [{ action: 'dismiss', label: 'Dismiss' }],
    notes: null,
    escape: 'dismiss',
  }
}

/** How old the publisher's word is, once nothing new is started on it. */
function stale({ rollout, running }: Status, own: Own, time: Time): Card | null {
  const expires = rollout?.expired === true ? rollout.expires : null
  if (expires === null || expires === own.stale) return null
  const goesOn = running === null ? '' : ` Version ${running.version} goes on running.`
  return {
    kind: 'stale',
    title: `The signed update information expired ${time.ago(expires)}.`,
    detail: `New versions are not started until it is renewed.${goesOn}`,
    buttons: [{ action: 'dismiss', label: 'Dismiss' }],
    notes: null,
    escape: 'dismiss',
  }
}

/** The most characters of notes that a banner has room for. */
const NOTES = 2000

/** Notes without what could garble or disguise them, and no longer than a banner's. */
function capped(notes: string | null): string {
  // Control characters but tab and line feed, and marks that turn the direction of text.
  const plain = (notes ?? '').replace(
    /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g,
    '',
  )
  const points = Array.from(plain.trim())
  return points.length > NOTES ? `${points.slice(0, NOTES).join('').trimEnd()}…` : points.join('')
}

/** The version that a restart would apply. One that is blocked is not offered. */
export function waiting(
  { staged, running }: Status,
  { fetched }: Pick<Own, 'fetched'>,
): { version: string; stagedAt: string | null; notes: string | null } | null {
  if (staged !== null) return staged.blocked === null ? staged : null
  return fetched === null || fetched === running?.version
    ? null
    : { version: fetched, stagedAt: null, notes: null }
}

function busy(title: string): Card {
  return { kind: 'busy', title, detail: null, buttons: [], notes: null, escape: null }
}

function line({ progress }: Status): Line | null {
  // Whoever does not look for it never hears of a rehearsal.
  if (progress === null || progress.phase === 'rehearsing') return null
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
