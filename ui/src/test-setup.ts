/** Times are shown as their reader writes them: the tests read them in US English. */
type Write = (this: Date, locale?: string, options?: Intl.DateTimeFormatOptions) => string

for (const name of ['toLocaleString', 'toLocaleTimeString'] as const) {
  const original = Date.prototype[name] as Write
  const inEnglish: Write = function (locale, options) {
    return original.call(this, locale ?? 'en-US', options)
  }
  Object.defineProperty(Date.prototype, name, { value: inEnglish, configurable: true })
}
