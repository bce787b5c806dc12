import { expect, test } from 'vitest'
import type { Status } from '../types'
import { FELL_BACK, MANAGED, PASSED_OVER, STAGED, aRollout, aStatus } from './fixture'
import type { Own } from './view'
import { noteOf, view } from './view'

const NOTHING: Own = { busy: null, fetched: null, note: null }

const TIME = { when: (time: string) => `at ${time}`, ago: (time: string) => `since ${time}` }

function shown(news: Partial<Status>, own: Partial<Own> = {}) {
  return view(aStatus(news), { ...NOTHING, ...own }, TIME)
}

test('there is nothing to see while nothing is new', () => {
  expect(shown({})).toEqual({ card: null, line: null })
  expect(view(null, NOTHING, TIME)).toEqual({ card: null, line: null })
})

test('a version that waits offers to restart, to wait, and to tell more', () => {
  const { card } = shown({ staged: STAGED })
  expect(card?.title).toBe('Version 1.1.0 is ready.')
  expect(card?.buttons.map(({ label }) => label)).toEqual(['Restart to apply', 'Later', "What's new"])
  expect(card?.escape).toBe('later')
  expect(card?.notes).toBe(
    'Version 1.1.0 was fetched and verified at 2026-06-12T08:05:00Z. Version 1.0.0 is running.',
  )
})

test('release notes are shown where there are any', () => {
  expect(shown({ staged: { ...STAGED, notes: 'A clock.' } }).card?.notes).toBe('A clock.')
})

test('"Later" hides one version and not the next', () => {
  expect(shown({ staged: STAGED }, { later: '1.1.0' }).card).toBeNull()
  expect(shown({ staged: STAGED }, { later: '1.0.9' }).card?.kind).toBe('staged')
})

test('a download is a line and no card', () => {
  const progress = { version: '1.1.0', phase: 'downloading', bytes: 25, total: 100 } as const
  expect(shown({ progress })).toEqual({
    card: null,
    line: { label: 'Downloading version 1.1.0', fraction: 0.25 },
  })
  expect(shown({ progress: { ...progress, total: null } }).line?.fraction).toBeNull()
  expect(shown({ progress: { ...progress, total: 0 } }).line?.fraction).toBeNull()
  expect(shown({ progress: { ...progress, bytes: 900 } }).line?.fraction).toBe(1)
  expect(shown({ progress: { ...progress, phase: 'verifying' } }).line?.fraction).toBe(1)
})

test('a fallback says what happened, what runs, and offers another try', () => {
  const { card } = shown({ fellBack: FELL_BACK })
  expect(card?.title).toBe('Version 1.2.0 stopped before it was ready. Version 1.1.0 is running.')
  expect(card?.detail).toContain('unless you ask')
  expect(card?.buttons.map(({ action }) => action)).toEqual(['retry', 'dismiss'])
  expect(card?.escape).toBe('dismiss')
})

test('a fallback that condemned nothing says that it is tried again', () => {
  const { card } = shown({ fellBack: { ...FELL_BACK, condemned: false } })
  expect(card?.detail).toContain('next start')
})

test('a fallback that was dismissed stays away, another one does not', () => {
  expect(shown({ fellBack: FELL_BACK }, { dismissed: FELL_BACK.at }).card).toBeNull()
  expect(shown({ fellBack: FELL_BACK }, { dismissed: 'earlier' }).card?.kind).toBe('fell-back')
})

test('a newer version that waits comes before the fallback of another', () => {
  const newer = { ...STAGED, version: '1.3.0' }
  expect(shown({ fellBack: FELL_BACK, staged: newer }).card?.title).toBe('Version 1.3.0 is ready.')
})

test('a version that failed and is fetched again is offered again', () => {
  const same = { ...STAGED, version: FELL_BACK.from }
  expect(shown({ fellBack: FELL_BACK, staged: same }).card?.title).toBe('Version 1.2.0 is ready.')
})

test('a version that was fetched again on request is offered, whatever the status leaves out', () => {
  const { card } = shown({ fellBack: FELL_BACK }, { fetched: '1.2.0' })
  expect(card?.title).toBe('Version 1.2.0 is ready.')
  const running = { ...aStatus().running, version: '1.2.0' } as Status['running']
  expect(shown({ running }, { fetched: '1.2.0' }).card).toBeNull()
})

test('a version that was passed over for one launch is told as a fallback until dismissed', () => {
  const staged = { ...STAGED, version: FELL_BACK.from }
  const fellBack = { ...FELL_BACK, condemned: false }
  expect(shown({ fellBack, staged }).card?.kind).toBe('fell-back')
  expect(shown({ fellBack, staged }, { dismissed: FELL_BACK.at }).card?.kind).toBe('staged')
})

test('while something is on its way there is nothing to press', () => {
  for (const card of [
    shown({ staged: STAGED }, { busy: { what: 'apply', version: '1.1.0' } }).card,
    shown({ staged: STAGED, phase: 'restarting' }).card,
    shown({ fellBack: FELL_BACK }, { busy: { what: 'retry', version: '1.2.0' } }).card,
  ]) {
    expect(card?.kind).toBe('busy')
    expect(card?.buttons).toEqual([])
  }
})

test('a request that failed says why and what to do', () => {
  const note = noteOf({ kind: 'network', message: 'no answer', hint: 'Try later.' })
  expect(note).toEqual({ title: 'No answer.', detail: 'Try later.' })
  const { card } = shown({ staged: STAGED }, { note })
  expect(card?.buttons.map(({ action }) => action)).toEqual(['close'])
})

test('when nothing runs the start page speaks, not the banner', () => {
  expect(shown({ phase: 'failed', running: null, fellBack: FELL_BACK }).card).toBeNull()
})

test('notes are cut to what a banner has room for, and cleared of what disguises them', () => {
  const notes = (text: string) => shown({ staged: { ...STAGED, notes: text } }).card?.notes ?? ''
  const long = notes('ä'.repeat(2001))
  expect(Array.from(long)).toHaveLength(2001)
  expect(long.endsWith('…')).toBe(true)
  expect(notes('a\u0007b\u202ec\td\n')).toBe('abc\td')
  expect(notes('\u0000 ')).toContain('was fetched and verified')
})

test('nothing of a version shows before its turn', () => {
  const held = {
    rollout: aRollout(),
    lastCheck: {
      at: '2026-06-12T08:00:00Z',
      by: 'timer' as const,
      decision: 'hold' as const,
      version: '1.2.0',
      reason: 'held',
      message: 'Version 1.2.0 is being rolled out',
      error: null,
      fromManifest: true,
      bypassed: false,
    },
  }
  expect(shown(held)).toEqual({ card: null, line: null })
  // Nor where it is staged and the plan was slowed down, nor when a launch passed it over.
  const blocked = { reason: 'held' as const, message: 'It is not its turn.' }
  const staged = { ...STAGED, version: '1.2.0', notes: 'New!', blocked }
  const passedOver = { ...PASSED_OVER, reason: 'held' as const }
  expect(shown({ ...held, staged, passedOver })).toEqual({ card: null, line: null })
})

test('a version that is blocked is not offered', () => {
  for (const reason of ['recalled', 'withdrawn', 'expired'] as const) {
    const staged = { ...STAGED, blocked: { reason, message: 'No.' } }
    expect(shown({ staged }).card, reason).toBeNull()
  }
})

test('a recall is told once, and can only be put away', () => {
  const { card } = shown({ passedOver: PASSED_OVER })
  expect(card?.title).toBe(PASSED_OVER.message)
  expect(card?.buttons.map(({ action }) => action)).toEqual(['dismiss'])
  expect(shown({ passedOver: PASSED_OVER }, { told: PASSED_OVER.at }).card).toBeNull()
  expect(shown({ passedOver: { ...PASSED_OVER, firstTime: false } }).card).toBeNull()
  expect(shown({ passedOver: PASSED_OVER, staged: STAGED }).card?.kind).toBe('staged')
})

test('signed information that has expired says how stale it is, after everything else', () => {
  const expired = aRollout({ expired: true })
  const { card } = shown({ rollout: expired })
  expect(card?.title).toBe('The signed update information expired since 2026-06-19T08:00:00Z.')
  expect(card?.detail).toBe(
    'New versions are not started until it is renewed. Version 1.0.0 goes on running.',
  )
  const staged = { ...STAGED, blocked: { reason: 'expired' as const, message: 'No.' } }
  expect(shown({ rollout: expired, staged }).card?.kind).toBe('stale')
  expect(shown({ rollout: expired, fellBack: FELL_BACK }).card?.kind).toBe('fell-back')
  expect(shown({ rollout: expired }, { stale: expired.expires as string }).card).toBeNull()
})

const BUSY = { tasks: 3, since: '2026-06-12T08:00:00Z' }
const applying = (mode: NonNullable<Status['applying']>['mode']): Status['applying'] => ({
  mode,
  waitsFor: mode === 'prompt' ? 'person' : mode === 'next-launch' ? 'next-launch' : 'idle',
  deadline: mode === 'prompt' || mode === 'next-launch' ? null : '2026-06-13T08:05:00Z',
})
const press = (news: Partial<Status>) => shown(news).card?.buttons[0]?.label

test('a restart says what it would interrupt', () => {
  expect(press({ staged: STAGED, busy: BUSY })).toBe('Restart to apply · 3 tasks running')
  expect(press({ staged: STAGED, busy: { ...BUSY, tasks: 1 } })).toContain('1 task running')
  expect(press({ staged: STAGED, busy: { ...BUSY, tasks: null } })).toContain('work is going on')
  expect(press({ staged: STAGED })).toBe('Restart to apply')
  expect(shown({ busy: BUSY }).card).toBeNull()
})

test('what the next start applies by itself asks nobody', () => {
  const quiet = { staged: STAGED, applying: applying('next-launch') }
  expect(shown(quiet).card).toBeNull()
  expect(shown({ ...quiet, busy: BUSY }).card).toBeNull()
  // Whoever asked for it by hand is asked all the same.
  expect(shown(quiet, { fetched: '1.1.0' }).card?.kind).toBe('staged')
})

test('whatever the mode, what waits for a person asks one', () => {
  for (const mode of ['idle', 'now', 'next-launch'] as const) {
    const waits: Status['applying'] = { mode, waitsFor: 'person', deadline: null }
    expect(shown({ staged: STAGED, applying: waits }).card?.kind, mode).toBe('staged')
  }
})

test('where nobody may restart into it, nobody is asked to', () => {
  const managed = { updates: 'off' as const, message: 'Managed by your administrator', source: '/etc/x' }
  expect(shown({ staged: STAGED, managed }).card).toBeNull()
  const looks = { ...managed, updates: 'managed' as const }
  expect(shown({ staged: STAGED, managed: looks }).card?.kind).toBe('staged')
})

test('what is applied when the work is done is told while there is work, with its latest moment', () => {
  for (const mode of ['idle', 'now'] as const) {
    expect(shown({ staged: STAGED, applying: applying(mode) }).card, mode).toBeNull()
    const { card } = shown({ staged: STAGED, applying: applying(mode), busy: BUSY })
    expect(card?.buttons[0]?.label).toBe('Restart to apply · 3 tasks running')
    expect(card?.detail).toBe(
      'It is applied when the work is done, at 2026-06-13T08:05:00Z at the latest.',
    )
  }
  expect(shown({ staged: STAGED, applying: applying('prompt') }).card?.detail).toBeNull()
})

test('a rehearsal that failed, damage and a contract are no news of the banner', () => {
  const at = '2026-06-12T08:00:00Z'
  const rehearsals = [{ version: '1.1.0', outcome: 'bad' as const, detail: 'slow', at }]
  const damage = [{ version: '1.1.0', detail: 'x', state: 'waiting' as const, at }]
  const contract = { version: '1.1.0', message: 'x', healed: null }
  expect(shown({ rehearsals, damage, contract, managed: MANAGED })).toEqual({
    card: null,
    line: null,
  })
})

test('a rehearsal shows no more than a download that is done', () => {
  const progress = { version: '1.1.0', phase: 'rehearsing', bytes: 100, total: 100 } as const
  expect(shown({ progress })).toEqual({ card: null, line: null })
})

test('where an administrator decides, nobody is offered another try, and a restart still is', () => {
  const { card } = shown({ fellBack: FELL_BACK, managed: MANAGED })
  expect(card?.buttons.map(({ action }) => action)).toEqual(['dismiss'])
  expect(card?.detail).toBe('Managed by your administrator')
  expect(press({ staged: STAGED, managed: MANAGED })).toBe('Restart to apply')
})
