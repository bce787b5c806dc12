/** Times are shown as their reader writes them: the tests read them in US English. */
for (const name of ['toLocaleString', 'toLocaleTimeString'] as const) {
  const original = Date.prototype[name]
  Date.prototype[name] = function (this: Date, locale, options) {
    return original.call(this, locale ?? 'en-US', options)
  }
}
