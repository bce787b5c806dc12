import type { Rollout, Staged, Status } from 'tauri-plugin-refit-api'
import { expect, test } from 'vitest'
import {
  PASSED_OVER,
  STAGED,
  aRollout,
  aStatus,
} from '../../../crates/tauri-plugin-refit/guest-js/banner/fixture'
import {
  ago,
  blockedWords,
  mayApply,
  passedOverWords,
  standingWords,
  trustWords,
  turn,
} from './rollout'

// 14:00 in Berlin, where these tests run: see vite.config.ts.
const now = new Date('2026-06-12T12:00:00Z')

/** `text` without the blanks that differ from one version of Node to the next. */
const plain = (text: string | null): string => (text ?? '').replace(/\s/g, ' ')

const standing = (rollout: Partial<Rollout>, news: Partial<Status> = {}): string =>
  plain(standingWords(aStatus({ rollout: aRollout(rollout), ...news }), now))

test('a turn is told with the time here, and with the day where that is not today', () => {
  expect(plain(turn('2026-06-12T16:40:00Z', now))).toBe('at 6:40 PM')
  // Still the 12th in UTC, past midnight here.
  expect(plain(turn('2026-06-12T22:30:00Z', now))).toBe('on Jun 13, 2026, 12:30 AM')
  expect(plain(turn('2026-06-11T22:30:00Z', now))).toBe('at 12:30 AM')
  expect(turn('soon', now)).toBe('on soon')
})

test('a held version says when its turn is, and then that it has come', () => {
  expect(standing({})).toBe('Rolling out: your turn is at 6:40 PM.')
  expect(standing({ decision: 'stage', stable: '1.1.0' })).toBe(
    'Rolling out: your turn is at 6:40 PM.',
  )
  expect(standing({ eligibleAt: '2026-06-12T12:00:00Z' })).toContain('your turn has come')
  expect(
    standing({ eligibleAt: '2026-06-12T12:00:00Z' }, { updates: 'no-auto-update' }),
  ).toBe('Version 1.2.0 is being rolled out, and your turn has come.')
  expect(standing({ eligibleAt: null })).toBe('Version 1.2.0 is being rolled out.')
})

test('a check that failed puts off no turn, and is told elsewhere', () => {
  const failed = { decision: null, reason: 'trust-unreachable', message: 'No answer.' }
  expect(standing(failed)).toBe('Rolling out: your turn is at 6:40 PM.')
  expect(standing({ ...failed, eligibleAt: '2026-06-12T12:00:00Z' })).toBe('')
})

test('a turn that is not what holds this app back is not promised', () => {
  // The ramp was halted: an older version is named now.
  const halted = { version: '0.9.0', reason: 'not-newer', message: 'Up to date' }
  expect(standing(halted)).toBe('Up to date.')
  const bad = { reason: 'bad-version', message: 'Version 1.2.0 failed here before' }
  expect(standing(bad)).toBe('Version 1.2.0 failed here before.')
  expect(standing({ reason: null, message: null })).toBe('')
})

test('what runs or waits is no longer a question of turns', () => {
  const running = { ...aStatus().running, version: '1.2.0' } as Status['running']
  expect(standing({}, { running })).toBe('The newest version, 1.2.0, is running.')
  const staged = { ...STAGED, version: '1.2.0' }
  expect(standing({}, { staged })).toContain('waits for a restart')
})

test('a recall is said before a switch and of the pin that it is about', () => {
  const recalled = ['1.2.0']
  expect(standing({ recalled, experimental: true })).toBe('Version 1.2.0 is recalled.')
  expect(standing({ recalled, pinned: '1.2.0' })).toBe(
    'Version 1.2.0, which this app is to have, is recalled.',
  )
  expect(standing({ recalled, pinned: '1.1.0' })).toBe('This app is to have version 1.1.0.')
})

test('switches and pins are said before everything', () => {
  expect(standing({ experimental: true })).toBe(
    'This app takes the newest at once (REFIT_EXPERIMENTAL).',
  )
  expect(standing({ pinned: '1.1.0', experimental: true })).toBe(
    'This app is to have version 1.1.0.',
  )
  expect(standingWords(aStatus(), now)).toBeNull()
  expect(standing({ mode: 'registry', version: null })).toBe('')
  expect(standing({ mode: 'manifest', version: null })).toContain('Nothing has been heard')
})

test('a recall is told with what comes in its place', () => {
  const recalled = ['1.2.0']
  expect(standing({ recalled })).toBe('Version 1.2.0 is recalled.')
  expect(standing({ recalled, stable: '1.1.0' })).toBe(
    'Version 1.2.0 is recalled. This app is to have 1.1.0.',
  )
})

const trust = (news: Partial<Rollout>, at = now): string => plain(trustWords(aRollout(news), at))

test('the trust mode is told with its age', () => {
  expect(trust({ mode: 'registry' })).toBe('Updates come from the registry as they are published.')
  expect(trust({ mode: 'manifest' })).toBe(
    "Updates follow the publisher's manifest, heard 4 hours ago.",
  )
  expect(trust({ mode: 'manifest', verifiedAt: null })).toContain('not been heard yet')
  expect(trust({ verifiedAt: '2026-06-12T11:55:00Z' })).toBe(
    'Signed updates, verified 5 minutes ago, valid until Jun 19, 2026, 10:00:00 AM.',
  )
  expect(trust({ verifiedAt: null })).toContain('nothing has been verified yet')
  expect(trust({ expired: true }, new Date('2026-06-22T08:00:00Z'))).toBe(
    'The signed update information expired 3 days ago; new versions are not started until it is renewed.',
  )
})

test('how long ago is told in the unit that suits', () => {
  expect(ago('2026-06-12T11:59:30Z', now)).toBe('just now')
  expect(ago('2026-06-12T13:00:00Z', now)).toBe('just now')
  expect(ago('2026-06-12T11:59:00Z', now)).toBe('1 minute ago')
  expect(ago('2026-06-12T11:00:00Z', now)).toBe('1 hour ago')
  expect(ago('2026-06-10T12:00:00Z', now)).toBe('2 days ago')
})

test('a staged version that is blocked says why, and who may start it', () => {
  const staged = (reason: NonNullable<Staged['blocked']>['reason']): Staged => ({
    ...STAGED,
    version: '1.2.0',
    blocked: { reason, message: 'As the device says it.' },
  })
  const words = (reason: NonNullable<Staged['blocked']>['reason'], rollout = aRollout()): string =>
    plain(blockedWords(staged(reason), rollout, now))
  expect(words('recalled')).toBe('Version 1.2.0 is recalled and is not started.')
  expect(words('held')).toBe(
    "It is not this app's turn to start version 1.2.0. Your turn is at 6:40 PM.",
  )
  expect(words('withdrawn')).toContain('no longer being rolled out')
  const expired = aRollout({ expires: '2026-06-10T12:00:00Z', expired: true })
  expect(words('expired', expired)).toContain('expired 2 days ago')
  expect(words('expired', aRollout({ expires: null }))).toBe('As the device says it.')
  expect(blockedWords(STAGED, null, now)).toBeNull()
  expect(blockedWords(null, null, now)).toBeNull()
  expect(mayApply(STAGED)).toBe(true)
  expect([mayApply(staged('held')), mayApply(staged('withdrawn'))]).toEqual([true, true])
  expect([mayApply(staged('recalled')), mayApply(staged('expired'))]).toEqual([false, false])
  const managed = (updates: 'managed' | 'off') => ({ updates, message: 'm', source: '/etc/x' })
  expect(mayApply(STAGED, managed('managed'))).toBe(true)
  expect(mayApply(staged('held'), managed('managed'))).toBe(false)
  expect(mayApply(STAGED, managed('off'))).toBe(false)
})

test('what was passed over is told without a time of another zone', () => {
  expect(passedOverWords(PASSED_OVER)).toBe(PASSED_OVER.message)
  const expired = { ...PASSED_OVER, reason: 'expired' as const, message: 'at 2026-06-12T08:00:00Z' }
  expect(passedOverWords(expired)).not.toContain('T08')
})
