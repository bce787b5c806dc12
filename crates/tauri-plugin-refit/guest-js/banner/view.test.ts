import { expect, test } from 'vitest'
import type { Status } from '../types'
import { FELL_BACK, STAGED, aStatus } from './fixture'
import type { Own } from './view'
import { noteOf, view } from './view'

const NOTHING: Own = { busy: null, fetched: null, note: null }

function shown(news: Partial<Status>, own: Partial<Own> = {}) {
  return view(aStatus(news), { ...NOTHING, ...own }, (time) => `at ${time}`)
}

test('there is nothing to see while nothing is new', () => {
  expect(shown({})).toEqual({ card: null, line: null })
  expect(view(null, NOTHING, String)).toEqual({ card: null, line: null })
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
