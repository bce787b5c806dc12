import { expect, test } from 'vitest'
import { NOW, aRamp, anEvidence } from '../fixture'
import { evidenceWords, haltWords, line, plannedCurve, rampWords, rates, reachedCurve, thinned } from './ramp'

const now = Date.parse(NOW)

test('the curve is a stair of what was reached, and the plan goes on from there', () => {
  const ramp = aRamp()
  expect(reachedCurve(ramp, now).map(({ percent }) => percent)).toEqual([5, 5, 25, 25])
  expect(plannedCurve(ramp, now)).toEqual([
    { at: now, percent: 25 },
    { at: now + 42 * 60_000, percent: 25 },
    { at: now + 42 * 60_000, percent: 50 },
    { at: now + 162 * 60_000, percent: 50 },
    { at: now + 162 * 60_000, percent: 100 },
  ])
  for (const state of ['paused', 'halted', 'completed', 'cancelled'] as const) {
    expect(plannedCurve(aRamp({ state, nextAt: null }), now)).toEqual([])
  }
  expect(plannedCurve(aRamp({ step: 3, nextAt: NOW }), now)).toEqual([])
  expect(reachedCurve(aRamp({ reachedSteps: [] }), now)).toEqual([])
})

test('rates are parts of those that tried, and unknown where nobody did', () => {
  const nobody = { devices: 5, tried: 0, failed: 0, infrastructure: 1 }
  const [some, none] = rates([anEvidence(), anEvidence({ fresh: nobody })], 'failures')
  expect([some?.fresh, some?.old?.toFixed(2), none?.fresh]).toEqual([0.4, '0.60', null])
  expect(rates([anEvidence({ fresh: nobody })], 'infrastructure')[0]?.fresh).toBe(20)
  expect(line([[1, 2], null, [3, 4], [5, 6]])).toBe('M1.0,2.0M3.0,4.0L5.0,6.0')
})

test('how it stands, and what comes next', () => {
  expect(rampWords(aRamp(), now)).toBe('At step 2 of 4, 25 %. Goes on to 50 % in 42 min, if failures allow it.')
  expect(rampWords(aRamp({ nextAt: NOW }), now)).toContain('as soon as its numbers are in')
  expect(rampWords(aRamp({ led: false }), now)).toContain('No controller leads it')
  expect(rampWords(aRamp({ step: 3, nextAt: NOW }), now)).toContain('At step 4 of 4, 100 %. The last one')
  expect(rampWords(aRamp({ state: 'paused' }), now)).toContain('until it is resumed')
  expect(rampWords(aRamp({ state: 'halted' }), now)).toContain('go back to 1.4.2')
  expect(rampWords(aRamp({ state: 'completed', reached: 99_000 }), now)).toContain('99,000 devices of 100,000')
})

test('halting is asked with what it does to how many', () => {
  expect(haltWords(aRamp())).toBe(
    '25,000 devices that it has reached go back to 1.4.2, and no other gets 1.5.0 by it. ' +
      'A halted ramp is not resumed: to try again, start a new one with refit fleet ramp.',
  )
  expect(haltWords(aRamp({ reached: 1, onWay: 0 }))).toContain('1 device that it has reached goes back')
  expect(haltWords(aRamp({ reached: 0, onWay: 0 }))).toContain('none will get it')
})

test('the evidence is told with its numbers', () => {
  expect(evidenceWords(aRamp({ evidence: [anEvidence()] }), 'failures')).toBe(
    '1.5.0: 0.4 % (96 of 24,000); 1.4.2: 0.6 % (444 of 74,000). ' +
      'It halts by itself once it is more than 2 points above the baseline.',
  )
  const few = anEvidence({ fresh: { devices: 9, tried: 7, failed: 1, infrastructure: 0 } })
  expect(evidenceWords(aRamp({ evidence: [few] }), 'failures')).toContain('Too few to judge: 7 of at least 20')
  expect(evidenceWords(aRamp({ evidence: [] }), 'failures')).toBe('Nothing has been compared yet.')
})

test('rows are thinned evenly and the last stays', () => {
  expect(thinned([1, 2, 3], 5)).toEqual([1, 2, 3])
  expect(thinned([0, 1, 2, 3, 4, 5, 6, 7, 8, 9], 4)).toEqual([0, 3, 6, 9])
})
