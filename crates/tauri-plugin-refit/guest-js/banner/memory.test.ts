// @vitest-environment jsdom
import { beforeEach, expect, test } from 'vitest'
import { Memory } from './memory'

beforeEach(() => sessionStorage.clear())

test('what was put aside outlives a reload of the page', () => {
  Memory.ofPage(window).keep({ later: '1.1.0' })
  Memory.ofPage(window).keep({ dismissed: 'then' })
  expect(Memory.ofPage(window).kept).toEqual({ later: '1.1.0', dismissed: 'then' })
})

test('"Later" can be taken back alone', () => {
  const memory = Memory.ofPage(window)
  memory.keep({ later: '1.1.0', dismissed: 'then' })
  memory.forgetLater()
  expect(Memory.ofPage(window).kept).toEqual({ dismissed: 'then' })
})

test('what the page wrote there is not trusted to be anything', () => {
  for (const odd of ['', 'x', 'null', '[]', '{"later":1,"dismissed":{}}', '"later"']) {
    sessionStorage.setItem('refit-banner', odd)
    expect(Memory.ofPage(window).kept).toEqual({})
  }
})

test('a page without storage still has a memory for as long as it lives', () => {
  const page = Object.create(null, {
    sessionStorage: {
      get() {
        throw new Error('denied')
      },
    },
  }) as Window
  const memory = Memory.ofPage(page)
  memory.keep({ later: '1.1.0' })
  expect(memory.kept.later).toBe('1.1.0')
})
