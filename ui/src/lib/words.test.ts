import type { HistoryEntry, Status } from 'tauri-plugin-refit-api'
import { expect, test } from 'vitest'
import {
  PASSED_OVER,
  STAGED,
  aStatus,
} from '../../../crates/tauri-plugin-refit/guest-js/banner/fixture'
import {
  answerWords,
  bytes,
  checkWords,
  historyKey,
  historyReason,
  historyWords,
  localTimes,
  progressWords,
  reasonWords,
  rollBack,
  runningNote,
  startingVersion,
  updatesOff,
} from './words'

const pointer = (version: string): Status['running'] => ({
  version,
  source: 'pointer',
  url: 'http://127.0.0.1:4321/',
  since: '2026-06-12T08:00:00Z',
  trial: false,
  launchId: 'first',
})

test('a roll back leads to the version before, else to the bundled one, else nowhere', () => {
  const running = pointer('1.2.0')
  expect(rollBack(aStatus({ running, previous: '1.1.0' }))).toEqual({ from: '1.2.0', to: '1.1.0' })
  expect(rollBack(aStatus({ running }))).toEqual({ from: '1.2.0', to: '1.0.0' })
  expect(rollBack(aStatus())).toBeNull()
  expect(rollBack(aStatus({ running: null }))).toBeNull()
  expect(rollBack(aStatus({ running, updates: 'development-build' }))).toBeNull()
})

test('a version that waits is what a roll back leaves', () => {
    expect(rollBack(aStatus({ staged: STAGED }))).toEqual({ from: '1.1.0', to: '1.0.0' })
})

test('the starting version is the one on its way up, before that the bundled one', () => {
  const starting = aStatus({ phase: 'starting', running: null, starting: '1.1.0' })
  expect(startingVersion(starting)).toBe('1.1.0')
  expect(startingVersion(aStatus({ phase: 'starting', running: null }))).toBe('1.0.0')
})

test('a check that failed says what went wrong, and who looked', () => {
  const check = {
    at: '2026-06-12T08:00:00Z',
    by: 'timer' as const,
    decision: null,
    version: null,
    reason: 'network',
    message: 'It failed.',
    error: { kind: 'network', message: 'The registry did not answer.', hint: '' },
    fromManifest: false,
    bypassed: false,
  }
  expect(checkWords(check)).toMatch(/^Checked on .*: The registry did not answer\.$/)
  expect(checkWords({ ...check, by: 'person', error: null })).toMatch(/^You checked .*: It failed\.$/)
  expect(checkWords(null)).toBe('Nothing has been looked for yet.')
  const found = { ...check, error: null, version: '1.2.0', message: 'Version 1.2.0 is ready.' }
  expect(checkWords(found, pointer('1.1.0'))).toMatch(/Version 1\.2\.0 is ready\.$/)
  expect(checkWords(found, pointer('1.2.0'))).toMatch(/Up to date: the newest is 1\.2\.0$/)
})

test('a check that stands on what was heard before says so', () => {
  const report = {
    at: '2026-06-12T08:00:00Z',
    decision: 'none' as const,
    version: '1.0.0',
    reason: 'not-newer',
    message: 'Up to date',
    staged: null,
    fromManifest: true,
    bypassed: false,
  }
  expect(answerWords(report)).toBe('Up to date')
  const trouble = { kind: 'unreachable', message: 'No answer.', hint: '' }
  expect(answerWords({ ...report, trouble })).toBe(
    'Up to date. Nothing new was heard: No answer.',
  )
})

test('every event of the history has words of its own', () => {
  const events: HistoryEntry['event'][] = [
    'staged',
    'applied',
    'confirmed',
    'fell-back',
    'rolled-back',
    'forgiven',
  ]
  const at = '2026-06-12T08:00:00Z'
  const lines = events.map((event) => historyWords({ at, event, version: '1.1.0', from: '1.2.0' }))
  expect(new Set(lines).size).toBe(events.length)
  expect(lines).toContain('Version 1.2.0 failed; fell back to version 1.1.0')
  expect(historyWords({ at, event: 'rolled-back', version: '1.0.0' })).toBe(
    'Rolled back to version 1.0.0',
  )
  const recall = { event: 'rolled-back', version: '1.0.0', from: '1.1.0', reason: 'recalled' } as const
  expect(historyWords({ at, ...recall })).toBe('Version 1.1.0 was passed over; version 1.0.0 ran')
  expect(reasonWords(recall.reason)).toBe('Its publisher recalled it.')
})

test('times in a text of the device are told as people here write them', () => {
  const text = "this device's turn is at 2026-06-12T16:40:00Z, not 2026-06-12T16:40:00.5Z"
  expect(localTimes(text).replace(/\s/g, ' ')).toBe(
    "this device's turn is at Jun 12, 2026, 6:40:00 PM, not Jun 12, 2026, 6:40:00 PM",
  )
  expect(localTimes('2026-06-12 and T16:40Z stay')).toBe('2026-06-12 and T16:40Z stay')
})

test('a known reason is told in words, an unknown one as it is', () => {
  expect(reasonWords('crash-loop')).toBe('It kept crashing.')
  expect(reasonWords('something-new')).toBe('something-new')
})

test('updates that are off say why', () => {
  expect(updatesOff('on')).toBeNull()
  expect(updatesOff('development-build')).toContain('development build')
  expect(updatesOff('no-auto-update')).toContain('REFIT_NO_AUTO_UPDATE')
})

test('sizes and progress are readable', () => {
  expect(bytes(11_360_000)).toBe('11.4 MB')
  expect(bytes(1_500)).toBe('2 kB')
  const progress = { version: '1.1.0', phase: 'downloading' as const, bytes: 5e6, total: 10e6 }
  expect(progressWords(progress)).toBe('Downloading version 1.1.0: 5.0 MB of 10.0 MB')
  expect(progressWords({ ...progress, total: null })).toBe('Downloading version 1.1.0: 5.0 MB')
  expect(progressWords({ ...progress, phase: 'verifying' })).toBe('Verifying version 1.1.0…')
})

test('the note beside the running version tells where it came from', () => {
  const running = pointer('1.1.0') as NonNullable<Status['running']>
  expect(runningNote(running)).toBe('confirmed')
  expect(runningNote({ ...running, trial: true })).toContain('on trial')
  expect(runningNote({ ...running, source: 'bundled' })).toContain('installer')
  expect(runningNote({ ...running, source: 'development' })).toContain('REFIT_RUNTIME')
})

test('the history is read again when something happened, and not for progress', () => {
  const before = historyKey(aStatus())
  const progress = { version: '1.1.0', phase: 'downloading' as const, bytes: 1, total: 2 }
  expect(historyKey(aStatus({ seq: 9, progress }))).toBe(before)
  expect(historyKey(aStatus({ running: pointer('1.1.0') }))).not.toBe(before)
  expect(historyKey(aStatus({ passedOver: PASSED_OVER }))).not.toBe(before)
})

test('rehearsals, repairs, data and workspaces are part of the history', () => {
  const say = (event: HistoryEntry['event'], news: Partial<HistoryEntry> = {}): string =>
    historyWords({ at: '2026-06-12T08:00:00Z', event, version: '1.1.0', ...news })
  expect(say('rehearsed')).toBe('Version 1.1.0 passed its rehearsal')
  expect(say('rehearsal-skipped')).toBe('Version 1.1.0 was not rehearsed')
  expect(say('damaged')).toContain('damaged')
  expect(say('mended')).toContain('replaced as a whole')
  expect(say('contract-unmet')).toContain('another version of this app')
  expect(say('snapshot')).toContain('before the first start of version 1.1.0')
  expect(say('put-back', { from: '1.0.0' })).toContain('before version 1.1.0')
  expect(say('upgraded', { from: '1.0.0', reason: 'b' })).toBe(
    'Workspace b went from version 1.0.0 to version 1.1.0',
  )
  expect(say('workspace-dead', { reason: 'b' })).toContain('Workspace b is dead')
  const why = (event: HistoryEntry['event'], reason?: string): string | null =>
    historyReason({ at: '', event, version: '1.1.0', ...(reason === undefined ? {} : { reason }) })
  expect(why('upgraded', 'b')).toBeNull()
  expect(why('staged')).toBeNull()
  expect(why('rehearsal-failed', 'bad: exit code 1: no port')).toBe('exit code 1: no port')
  expect(why('fell-back', 'crash-loop')).toBe('It kept crashing.')
})

test('what an administrator decided is told in no words of our own', () => {
  expect([updatesOff('managed'), updatesOff('off')]).toEqual([null, null])
})
