/**
 * The key that stands behind the `#` of the printed address. It is kept for this tab alone and taken out
 * of the address, so that it neither stands in the history nor is copied with it.
 */
const PLACE = 'refit-key'

export function takeKey(
  location: { hash: string; pathname: string; search: string },
  history: { replaceState(data: unknown, unused: string, url: string): void },
  storage: { getItem(key: string): string | null; setItem(key: string, value: string): void },
): string | null {
  const found = /^#key=([A-Za-z0-9_-]{20,})$/.exec(location.hash)?.[1]
  if (found === undefined) return storage.getItem(PLACE)
  storage.setItem(PLACE, found)
  history.replaceState(null, '', location.pathname + location.search)
  return found
}
