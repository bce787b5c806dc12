import { expect, test } from 'vitest'
import { ago, when } from './time'

const now = new Date('2026-06-12T12:00:00Z')

test('a time that has passed is told in whole hours, then in whole days', () => {
  expect(ago('2026-06-12T11:00:01Z', now)).toBe('less than an hour ago')
  expect(ago('2026-06-12T11:00:00Z', now)).toBe('1 hour ago')
  expect(ago('2026-06-10T12:00:01Z', now)).toBe('47 hours ago')
  expect(ago('2026-06-10T12:00:00Z', now)).toBe('2 days ago')
  expect(ago('2026-06-09T12:00:00Z', now)).toBe('3 days ago')
})

test('a clock that disagrees makes no nonsense', () => {
  expect(ago('2026-06-12T13:00:00Z', now)).toBe('less than an hour ago')
  expect(ago('soon', now)).toBe('soon')
  expect(when('soon')).toBe('soon')
})
