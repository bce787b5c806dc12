import type { Snapshot, Status } from 'tauri-plugin-refit-api'
import { expect, test } from 'vitest'
import { STAGED, aStatus } from '../../../crates/tauri-plugin-refit/guest-js/banner/fixture'
import {
  applyingWords,
  busyWords,
  contractWords,
  damageWords,
  dataFor,
  latest,
  rehearsalWords,
  snapshotWords,
} from './upkeep'

// 14:00 in Berlin, where these tests run: see vite.config.ts.
const now = new Date('2026-06-12T12:00:00Z')
const at = '2026-06-12T08:00:00Z'
const plain = (text: string | null): string => (text ?? '').replace(/\s/g, ' ')

const words = (
  waitsFor: NonNullable<Status['applying']>['waitsFor'],
  deadline: string | null = null,
  news: Partial<Status> = {},
): string => {
  const applying = { mode: 'idle' as const, waitsFor, deadline }
  return plain(applyingWords(aStatus({ staged: STAGED, applying, ...news }), now))
}

test('the latest moment is never hidden', () => {
  expect(words('idle', '2026-06-12T16:40:00Z')).toBe(
    'Version 1.1.0 is applied as soon as the runtime is idle. Even if it never is, it applies by 6:40 PM at the latest.',
  )
  expect(words('idle', '2026-06-13T08:05:00Z')).toContain(
    'it applies by Jun 13, 2026, 10:05 AM at the latest',
  )
  expect(words('idle')).toBe('Version 1.1.0 is applied as soon as the runtime is idle.')
  expect(plain(latest('soon', now))).toBe('by soon')
})

test('what waits for somebody or something else says so', () => {
  expect(words('person')).toContain('waits for you to restart')
  expect(words('next-launch')).toBe('Version 1.1.0 is applied at the next start of the app.')
  expect(words('turn')).toBe('')
  expect(words('idle', null, { staged: null })).toBe('')
  const blocked = { reason: 'recalled' as const, message: 'x' }
  expect(words('person', null, { staged: { ...STAGED, blocked } })).toBe('')
  expect(applyingWords(aStatus({ staged: STAGED }), now)).toBeNull()
})

test('what no start applies is not promised', () => {
  const alone = { updates: 'no-auto-update' as const }
  expect(words('person', null, alone)).toBe('Version 1.1.0 waits for you to restart.')
  expect(words('person')).toContain('The next start of the app applies it in any case.')
  const managed = { updates: 'off' as const, message: 'm', source: '/etc/x/policy.json' }
  expect(words('person', null, { managed })).toBe(
    'Version 1.1.0 is not applied. Managed by your administrator.',
  )
})

test('work is told with its number and its beginning', () => {
  expect(plain(busyWords({ tasks: 3, since: at }))).toBe(
    '3 tasks running, since Jun 12, 2026, 10:00:00 AM',
  )
  expect(busyWords({ tasks: 1, since: at })).toContain('1 task running')
  expect(busyWords({ tasks: null, since: at })).toContain('Work is going on')
  expect(busyWords({ tasks: 0, since: at })).toContain('Work is going on')
})

test('every end of a rehearsal has its words', () => {
  const say = (outcome: Parameters<typeof rehearsalWords>[0]['outcome'], detail = 'x'): string =>
    rehearsalWords({ version: '1.1.0', outcome, detail, at })
  expect(say('passed', 'ok=50/50 p50=12ms p95=30ms')).toBe(
    'Version 1.1.0 passed its rehearsal: ok=50/50 p50=12ms p95=30ms.',
  )
  expect(say('failed')).toBe('Version 1.1.0 failed a rehearsal: x.')
  expect(say('skipped', 'on battery saver')).toBe(
    'Version 1.1.0 was not rehearsed: on battery saver.',
  )
  expect(say('bad')).toContain('failed its rehearsal twice and is not used')
  expect(say('inconclusive', '')).toBe(
    'The rehearsal of version 1.1.0 says nothing: the version inside the installer failed it too.',
  )
})

test('damage and repair, and what a host lacks', () => {
  const say = (state: 'found' | 'mended' | 'waiting'): string =>
    damageWords({ version: '1.1.0', detail: 'dist/cli.js differs', state, at })
  expect(say('found')).toContain('is being fetched again: dist/cli.js differs.')
  expect(say('mended')).toContain('has been replaced as a whole')
  expect(say('waiting')).toContain('could not be fetched again yet')
  const message = 'Version 1.1.0 needs what this app does not offer: tray'
  const finding = { version: '1.1.0', message, healed: null }
  expect(contractWords(finding)).toBe(`${message}.`)
  expect(contractWords({ ...finding, healed: '1.1.1' })).toContain('Version 1.1.1 took its place.')
})

test('the data that go with a roll back are the newest of the version it leads to', () => {
  const kept = (version: string, of: string | null, when: string): Snapshot => ({
    version,
    of,
    at: when,
    bytes: 12_000_000,
  })
  const running = { ...aStatus().running, version: '1.2.0', source: 'pointer' } as Status['running']
  const older = kept('1.1.0', '1.0.0', at)
  const newer = kept('1.2.0', '1.0.0', '2026-06-12T09:00:00Z')
  const snapshots = [newer, older, kept('1.2.0', '1.1.0', at), kept('1.0.0', null, at)]
  expect(dataFor(aStatus({ running, snapshots }))).toEqual(newer)
  expect(dataFor(aStatus({ running, previous: '1.1.5', snapshots }))).toBeNull()
  expect(dataFor(aStatus({ snapshots }))).toBeNull()
  expect(snapshotWords(newer)).toBe(
    'The data of version 1.0.0, kept before version 1.2.0 first started (12.0 MB)',
  )
  expect(snapshotWords(kept('1.0.0', null, at))).toContain('The data, kept before')
})
